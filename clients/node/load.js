'use strict';

const grpc = require('@grpc/grpc-js');

const { now } = require('./events');
const { schedule } = require('./schedule');
const { Tally } = require('./tally');

const SCHEDULED_METADATA = 'x-scheduled-unix-nano'; // when the RPC was due, ns since the Unix epoch, decimal

/** The open loop: sends each RPC when it is due, and never waits for an answer to do so. */
class Load {
  tally = new Tally();
  #stubs;
  #limits;
  #inFlight;
  #open = 0;
  #stopped = false;
  #wake = () => {};
  #idle = () => {};

  /**
   * @param stubs one a client
   * @param limits timeout (s, an RPC's deadline), maxInFlight (RPCs of one client), maxLateness (s; an RPC that could
   *   only be sent later is not sent)
   */
  constructor(stubs, limits) {
    this.#stubs = stubs;
    this.#limits = limits;
    this.#inFlight = stubs.map(() => 0);
  }

  /** Ends the schedule now: what is not due yet is never scheduled. */
  stop() {
    this.#stopped = true;
    this.#wake();
  }

  /**
   * Sends until the schedule's end, then waits for what is in flight: each RPC has its deadline.
   *
   * @param startAt the schedule's zero, seconds since the Unix epoch
   * @returns the seconds that the schedule ran
   */
  async run(plan, startAt) {
    const startNano = BigInt(Math.round(startAt * 1e6)) * 1000n;
    const zero = performance.now() + Number(startNano - now()) / 1e6; // ms, on a clock that nothing steps
    let sent = 0;
    for (const { at, client } of schedule(plan)) {
      const delay = zero + at * 1e3 - performance.now();
      if (delay > 0) {
        await this.#sleep(delay);
      } else if ((sent += 1) % 16 === 0) {
        await new Promise(setImmediate); // far behind: let answers in, or catching up would starve them
      }
      if (this.#stopped) {
        break;
      }
      this.#send(client, zero + at * 1e3, startNano + BigInt(Math.round(at * 1e9)));
    }
    await this.#sleep(zero + plan.duration * 1e3 - performance.now());
    const elapsed = Math.min(plan.duration, Math.max(0, (performance.now() - zero) / 1e3));
    if (this.#open > 0) {
      await new Promise((resolve) => (this.#idle = resolve));
    }
    return elapsed;
  }

  #send(client, at, dueUnixNano) {
    const late = (performance.now() - at) / 1e3;
    if (late > this.#limits.maxLateness || this.#inFlight[client] >= this.#limits.maxInFlight) {
      this.tally.notSent += 1;
      return;
    }
    this.tally.sent(late);
    this.#inFlight[client] += 1;
    this.#open += 1;
    const metadata = new grpc.Metadata();
    metadata.set(SCHEDULED_METADATA, dueUnixNano.toString());
    const deadline = new Date(Date.now() + this.#limits.timeout * 1e3);
    this.#stubs[client].SayHello({ name: `client-${client}` }, metadata, { deadline }, (error, response) => {
      if (error) {
        this.tally.failed(grpc.status[error.code] ?? 'UNKNOWN');
      } else {
        this.tally.answered(response.podName);
      }
      this.#inFlight[client] -= 1;
      this.#open -= 1;
      if (this.#open === 0) {
        this.#idle();
      }
    });
  }

  /** setTimeout has whole milliseconds and rounds down: what is left of one is taken in turns of the event loop. */
  async #sleep(delay) {
    const until = performance.now() + delay;
    if (delay >= 2 && !this.#stopped) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, delay - 1);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    while (performance.now() < until && !this.#stopped) {
      await new Promise(setImmediate);
    }
  }
}

module.exports = { Load };
