'use strict';

/**
 * A rate that changes, from the load's start on: points { at, rate } in order of time, the first one at 0. Between two
 * points it is linear, two at one instant make a step, and after the last one it stays.
 */
class Course {
  constructor(points) {
    this.points = points;
    this.due = [0]; // RPCs due until each point: the integral of the rate
    for (let index = 1; index < points.length; index += 1) {
      const [before, after] = [points[index - 1], points[index]];
      this.due.push(this.due[index - 1] + ((after.at - before.at) * (before.rate + after.rate)) / 2);
    }
  }

  /** Reads AT:RATE,AT:RATE…; throws an Error that says what is wrong. */
  static parse(text) {
    const points = text.split(',').map((part) => {
      const [at, rate] = part.split(':').map((word) => (word.trim() === '' ? NaN : Number(word)));
      return { at, rate };
    });
    if (points.some(({ at, rate }) => !(Number.isFinite(at) && Number.isFinite(rate) && at >= 0 && rate >= 0))) {
      throw new Error('not AT:RATE,AT:RATE… of finite numbers of at least 0');
    }
    if (points[0].at !== 0) {
      throw new Error('no first point at 0');
    }
    if (points.some(({ at }, index) => index > 0 && at < points[index - 1].at)) {
      throw new Error('points not in order of time');
    }
    return new Course(points);
  }

  /** How many RPCs are due before an instant. */
  rpcs(at) {
    const index = Math.max(0, this.points.findLastIndex((point) => point.at <= at));
    const since = Math.max(0, at - this.points[index].at);
    return this.due[index] + since * (this.points[index].rate + (this.#slope(index) * since) / 2);
  }

  /** The first instant before which so many RPCs are due; infinity for never. */
  instant(rpcs) {
    let index = Math.max(0, this.due.findLastIndex((due) => due <= rpcs));
    while (index > 0 && this.due[index] === rpcs && this.due[index - 1] === rpcs) {
      index -= 1; // nothing is due for a while: its beginning is the first instant
    }
    const { at, rate } = this.points[index];
    const left = rpcs - this.due[index];
    if (left <= 0) {
      return at;
    }
    // rate × t + slope × t² / 2 = left, in the form that neither divides by a slope of 0 nor cancels.
    const root = Math.sqrt(Math.max(0, rate * rate + 2 * this.#slope(index) * left));
    return rate + root > 0 ? at + (2 * left) / (rate + root) : Infinity;
  }

  #slope(index) {
    const [from, to] = [this.points[index], this.points[index + 1]];
    return to !== undefined && to.at > from.at ? (to.rate - from.rate) / (to.at - from.at) : 0;
  }
}

module.exports = { Course };
