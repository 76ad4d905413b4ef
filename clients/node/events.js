'use strict';

/**
 * What the program tells other programs: one JSON object a line on standard output.
 *
 * Nanoseconds since the Unix epoch do not fit a double: the clock is read once, and goes on with hrtime.
 */
const epoch = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();

/** Nanoseconds since the Unix epoch, as a BigInt. */
function now() {
  return epoch + process.hrtime.bigint();
}

/** Writes an event with the time now. */
function emit(event, fields) {
  const rest = JSON.stringify(fields).slice(1, -1);
  process.stdout.write(`{"event":${JSON.stringify(event)},"time_unix_nano":${now()}${rest && `,${rest}`}}\n`);
}

// A reader that is gone is no reason to stop.
process.stdout.on('error', () => {});

module.exports = { emit, now };
