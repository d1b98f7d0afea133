/** Hands a Blob to the person as a file of this name. */
export function saveAs(blob, name) {
  const address = URL.createObjectURL(blob);
  saveFrom(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Hands what is at an address to the person as a file of this name. */
export function saveFrom(address, name) {
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
}
