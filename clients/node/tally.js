'use strict';

/** Counts RPCs: scheduled = sent + not sent; sent = answered, by status code, once none is in flight. */
class Tally {
  notSent = 0;
  #byCode = {};
  #byServer = {}; // answers with OK, by pod name
  #lateness = []; // s, sent − scheduled; one an RPC sent

  sent(late) {
    this.#lateness.push(Math.max(0, late));
  }

  failed(code) {
    this.#byCode[code] = (this.#byCode[code] ?? 0) + 1;
  }

  answered(server) {
    this.failed('OK');
    this.#byServer[server] = (this.#byServer[server] ?? 0) + 1;
  }

  /** The tally as it is printed; counts become rates by the seconds that the schedule ran. */
  report(elapsed) {
    const late = Float64Array.from(this.#lateness).sort();
    const scheduled = late.length + this.notSent;
    return {
      scheduled,
      sent: late.length,
      not_sent: this.notSent,
      by_code: this.#byCode,
      by_server: this.#byServer,
      offered_rate: elapsed > 0 ? scheduled / elapsed : 0,
      achieved_rate: elapsed > 0 ? late.length / elapsed : 0,
      lateness_p50: quantile(late, 0.5),
      lateness_p99: quantile(late, 0.99),
      lateness_max: quantile(late, 1),
    };
  }
}

/** The nearest-rank quantile, 0 < q ≤ 1, of sorted values; 0 of none. */
function quantile(ascending, q) {
  return ascending.length === 0 ? 0 : ascending[Math.max(0, Math.ceil(q * ascending.length) - 1)];
}

module.exports = { Tally };
