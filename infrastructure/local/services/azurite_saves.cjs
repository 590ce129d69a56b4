// Makes Azurite save its tables soon after a change: its own interval of five seconds would lose
// what was stored just before a kill. Loaded by `node --require`, before Azurite.
//
// A save writes a whole table, so that a large one rests ten times as long as its save took.
"use strict";

const { createRequire } = require("node:module");

const SHORTEST_MS = 250;
const REST = 10;

const Loki = createRequire(process.argv[1])("lokijs");
const enable = Loki.prototype.autosaveEnable;
const save = Loki.prototype.saveDatabase;

Loki.prototype.autosaveEnable = function autosaveEnable(options, callback) {
  this.autosaveInterval = SHORTEST_MS;
  return enable.call(this, options, callback);
};

Loki.prototype.saveDatabase = function saveDatabase(callback) {
  const begun = performance.now();
  // Without a timer this is the save at the end, which never rests.
  if (this.autosaveHandle && begun < (this.restsUntil ?? 0)) {
    if (callback) callback(null);
    return;
  }
  save.call(this, (error) => {
    this.restsUntil = performance.now() + REST * (performance.now() - begun);
    if (callback) callback(error);
  });
};
