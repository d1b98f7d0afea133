/** Which page is shown: the links to the others, and where "Skip to the content" leads. Test hooks: `html[data-page]`, `[data-page-link]`. */

import { Links } from './home/home-view.js';
import { all, byId, setAttribute } from './parts/dom.js';
import { runsPlace } from './places/address.js';

/** After what the page's notice stands: there is one, on the page that is shown. */
const NOTICE_AFTER = { home: '#home .home-head', runs: '#runs-page .home-head', job: '#run-reason' };

const CONTENT = { home: 'home', runs: 'runs-page', job: 'graph' };

export class PagesView {
  constructor({ onGo }) {
    const links = new Links(onGo);
    for (const link of all('[data-page-link]')) links.lead(link, link.dataset.pageLink === 'runs' ? runsPlace() : { page: 'home' });
  }

  /** 'home', 'runs' or 'job'. */
  get shown() {
    return document.documentElement.dataset.page;
  }

  show({ page }) {
    setAttribute(document.documentElement, 'data-page', page);
    const before = document.querySelector(NOTICE_AFTER[page]);
    if (before.nextElementSibling !== byId('notice')) before.after(byId('notice'));
    setAttribute(byId('skip'), 'href', `#${CONTENT[page]}`);
    for (const link of all('.page-link')) {
      if (link.dataset.pageLink === page) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  }
}
