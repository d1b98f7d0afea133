/** Of the answers to a question that is put again and again, one that was asked for before the last that came is old. Pure. */

export class InOrder {
  #asked = 0;
  #came = 0; // the question whose answer was taken last

  /** The question is put now. What this gives says, once the answer is there, whether to take it. */
  ask() {
    const question = (this.#asked += 1);
    return () => {
      if (question < this.#came) return false;
      this.#came = question;
      return true;
    };
  }
}
