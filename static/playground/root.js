/** Where this page is from. No other module of it asks for its own place: that is another one in the bundle, as far below static/ as this one. */

/** Where the server's paths begin: at the root of its host, or below a path of a proxy. */
export const ROOT = new URL('../../', import.meta.url);

/** Where its pictures are, and, in the last part of the path, its version. */
export const STATIC = new URL('../', import.meta.url);
