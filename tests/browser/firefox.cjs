// Loaded before Playwright's driver (NODE_OPTIONS): Firefox 153 has no emulation.setMediaFeaturesOverride, without which Playwright makes no context.
const Module = require('node:module');
const compile = Module.prototype._compile;
Module.prototype._compile = function (code, name) {
  const mended = name.endsWith('coreBundle.js') ? code.replaceAll('.send("emulation.setMediaFeaturesOverride"', '.send("session.status"') : code;
  return compile.call(this, mended, name);
};
