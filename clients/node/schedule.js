'use strict';

/** A seeded generator of numbers in [0, 1), mulberry32: JavaScript's own takes no seed. */
function seeded(seed) {
  let state = Number(BigInt.asUintN(32, BigInt(seed)));
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * When each RPC is due, in order, whatever the answers do: RPC k of client c is due (k + phase(c)) / rate seconds after
 * the start, while that is before the end; where the rate changes (a course), when the integral of the rate has come to
 * k + phase(c). Phases lie in [0, 1), spread evenly over the clients but for a random part that the seed decides.
 */
function* schedule({ clients, rate, course, duration, seed }) {
  const chance = seeded(seed);
  const phases = Array.from({ length: clients }, (_, client) => (client + chance()) / clients);
  // Rounded, so that 0.1 s at 30 RPC/s are three RPCs and not, by a floating-point hair, four.
  const due = course === undefined ? duration * rate : course.rpcs(duration);
  const counts = phases.map((phase) => Math.max(0, Math.ceil(Math.round((due - phase) * 1e9) / 1e9)));
  const rounds = counts.reduce((most, count) => Math.max(most, count), 0);
  // Phases ascend and lie within one interval: round by round is in order of time.
  for (let number = 0; number < rounds; number += 1) {
    for (let client = 0; client < clients; client += 1) {
      if (number < counts[client]) {
        const rpcs = number + phases[client];
        yield { at: course === undefined ? rpcs / rate : course.instant(rpcs), client };
      }
    }
  }
}

module.exports = { schedule };
