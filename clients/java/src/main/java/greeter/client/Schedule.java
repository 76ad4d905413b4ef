package greeter.client;

import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Predicate;

/**
 * When each RPC is due, whatever the answers do: RPC k of client c is due (k + phase(c)) / rate seconds after the
 * start, while that is before the end; where the rate changes, when the integral of the rate has come to k + phase(c).
 * Phases lie in [0, 1), spread evenly over the clients but for a random part that the seed decides.
 */
record Schedule(int clients, double rate, Optional<Course> course, double duration, long seed) {

  /** An RPC of the schedule: its time in seconds after the start, and its client. */
  record Due(double at, int client) {}

  /** Gives every RPC in order of time, until the taker returns false. */
  void each(Predicate<Due> taker) {
    double[] phases = phases();
    boolean some = true;
    // Phases ascend and lie within one interval: round by round is in order of time.
    for (long number = 0; some; number++) {
      some = false;
      for (int client = 0; client < clients; client++) {
        if (number < count(phases[client])) {
          some = true;
          if (!taker.test(new Due(at(number + phases[client]), client))) {
            return;
          }
        }
      }
    }
  }

  private double at(double rpcs) {
    return course.map(changing -> changing.instant(rpcs)).orElse(rpcs / rate);
  }

  private double[] phases() {
    SplittableRandom chance = new SplittableRandom(seed);
    double[] phases = new double[clients];
    for (int client = 0; client < clients; client++) {
      phases[client] = (client + chance.nextDouble()) / clients;
    }
    return phases;
  }

  /** Rounded, so that 0.1 s at 30 RPC/s are three RPCs and not, by a floating-point hair, four. */
  private long count(double phase) {
    double due = course.map(changing -> changing.rpcs(duration)).orElse(duration * rate);
    double exact = Math.rint((due - phase) * 1e9) / 1e9;
    return Math.max(0, (long) Math.ceil(exact));
  }
}
