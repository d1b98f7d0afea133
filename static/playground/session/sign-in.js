/**
 * Who uses the page: the question for a token, signing out, and what other tabs say of it. Owns whether somebody left.
 */

import { isSpoilt } from '../../realtime/credentials.js';
import { isExpired } from '../../realtime/job-realtime-service.js';
import { setAttribute } from '../parts/dom.js';
import { AccountView } from './account-view.js';
import { currentRights, currentToken, currentUser, dropSpoiltToken, isByProxy, isRefused, keepToken, loseSession, openSession, signOut } from './session.js';
import { TokenView } from './token-view.js';

/** Of what was given as a token and can be none. */
const NO_TOKEN = 'A token has letters, digits, dots, dashes and underscores only. Copy all of it, and nothing that stands around it.';

export class SignIn {
  #page;
  #service;
  #onAnew;
  #onRenewed;
  #hasLeft = false; // somebody signed out, here or in another tab
  #account = new AccountView({ onSignOut: () => this.#signOut(), onOtherTab: (what) => this.#onOtherTab(what) });
  #tokenView = new TokenView({ onToken: (token) => this.#useToken(token) });

  /** `onAnew()`: everything begins with another credential; `onRenewed()`: a newer one stands for the same user. */
  constructor({ page, service, onAnew, onRenewed }) {
    this.#page = page;
    this.#service = service;
    this.#onAnew = onAnew;
    this.#onRenewed = onRenewed;
  }

  /** False where there is no token and no session: then one is asked for. */
  async begin() {
    this.#hasLeft = false;
    const isSpoiltToken = dropSpoiltToken();
    const isIn = await this.#askForSession();
    if (!isIn && isSpoiltToken) this.#tokenView.open('This token is not valid', NO_TOKEN);
    else if (!isIn) this.#tokenView.open('A token is needed', 'This page has no token to show that you may use this server.');
    return isIn;
  }

  /** The server took the credential; who is about to give a newer one goes on with that. */
  taken() {
    if (this.isOut) this.#tokenView.close();
  }

  /** Whether nobody is in: a token is asked for, without which nothing goes on. */
  get isOut() {
    return this.#tokenView.isOpen && !this.#tokenView.canWait;
  }

  draw() {
    this.#account.draw(currentUser());
    const { canWrite, onlyJob } = currentRights();
    setAttribute(document.documentElement, 'data-can-write', String(canWrite));
    setAttribute(document.documentElement, 'data-one-job', String(onlyJob !== null));
  }

  // Answers that were on their way when somebody signed out are no news; nor are any while a token is asked for, which has told why.
  refuse(message) {
    if (this.isOut || (this.#hasLeft && currentToken() === '')) return;
    const hasEnded = currentToken() === '' || isExpired(currentToken());
    this.#tokenView.open(hasEnded ? 'Your session has ended' : 'This token is not valid', currentToken() === '' ? howToGoOn() : message);
  }

  // A newer token for a connection that is there goes over it; else everything begins with the new one.
  async #useToken(token) {
    if (isSpoilt(token)) {
      this.#tokenView.open('This token is not valid', NO_TOKEN, { canWait: this.#tokenView.canWait });
      this.#page.announce(NO_TOKEN);
      return;
    }
    keepToken(token);
    this.#tokenView.close();
    if (this.#service.state === 'connected') {
      await this.#askForSession();
      if (currentToken() === '' && isRefused(token)) return this.#sayNotTaken();
      this.#service.renewToken();
      this.#onRenewed();
      return;
    }
    this.#service.disconnect();
    this.#onAnew();
  }

  // Who gave a newer token, which is none, is in with the session that was there.
  #sayNotTaken() {
    const text = 'The server does not take it. You are still signed in, until your session ends.';
    this.#tokenView.open('This token is not valid', text, { canWait: true });
    this.#page.announce(text);
  }

  // Other tabs that ask for a token need none any more.
  async #askForSession() {
    const isOpen = await openSession();
    this.#account.draw(currentUser());
    if (isOpen && currentToken() === '') this.#account.tellOtherTabs('in');
    return isOpen;
  }

  async #signOut() {
    let isOfAll;
    try {
      isOfAll = await signOut();
    } catch {
      this.#page.say('You are still signed in: the server cannot be reached.', 'error', null, 'connection');
      return;
    }
    if (isOfAll) this.#account.tellOtherTabs('out');
    this.#leave('You have signed out');
  }

  #leave(title) {
    this.#hasLeft = true;
    this.#service.disconnect();
    this.#account.draw(null);
    this.#tokenView.open(title, 'To go on, sign in again with a token.');
  }

  // A tab that has a token of its own goes on with it.
  #onOtherTab(what) {
    if (currentToken() !== '') return;
    if (what === 'out') {
      loseSession();
      this.#leave('You have signed out in another tab');
    } else if (what === 'in' && this.isOut) {
      this.#tokenView.close();
      this.#service.disconnect();
      this.#onAnew();
    }
  }

  renew() {
    this.#tokenView.open(
      currentToken() === '' ? 'Your session ends soon' : 'The token ends soon',
      'This page goes on without a break when you give it a new one.',
      { canWait: true },
    );
  }
}

// What the server says of a request without a token is for programs.
function howToGoOn() {
  return isByProxy() ? 'Load this page again to sign in.' : 'To go on, sign in again with a token. What you changed is still here.';
}
