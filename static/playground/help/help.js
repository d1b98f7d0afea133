/** The page that explains keys and pointer, made from their table. Test hook: `#help`. */

import { byId, element } from '../parts/dom.js';
import { keyNames, KEYS, KEYS_EVERYWHERE, POINTER } from './keys.js';

export const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);

export function openHelp() {
  const told = [...KEYS, ...KEYS_EVERYWHERE].filter(({ shown }) => shown !== undefined);
  const keys = told.map(({ shown, says }) => row(element('kbd', '', keyNames(shown, IS_MAC)), says));
  const pointer = POINTER.map(([what, says]) => row(what, says));
  byId('help-list').replaceChildren(...[...keys, ...pointer].flat());
  byId('help').showModal();
}

function row(what, says) {
  return [element('dt', '', what), element('dd', '', says)];
}
