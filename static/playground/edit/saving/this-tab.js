/** This tab's name: the same after a reload, another one in each other tab. */

const NAME = 'playground.tab';
const IN_USE = 'playground.tab.in-use';

/**
 * Call it once. A tab that was duplicated begins with a copy of the first one's sessionStorage, where the name is marked
 * as in use: it gets a name of its own. So does one that comes back after a crash.
 */
export function tabName() {
  const fresh = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  try {
    const name = sessionStorage.getItem(IN_USE) === null ? (sessionStorage.getItem(NAME) ?? fresh) : fresh;
    const use = () => sessionStorage.setItem(IN_USE, 'true');
    sessionStorage.setItem(NAME, name);
    use();
    window.addEventListener('pagehide', () => sessionStorage.removeItem(IN_USE));
    window.addEventListener('pageshow', ({ persisted }) => persisted && use());
    return name;
  } catch {
    return fresh;
  }
}
