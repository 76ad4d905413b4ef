package greeter.client;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/** Counts RPCs: scheduled = sent + not sent; sent = answered, by status code, once none is in flight. */
final class Tally {
  private final Map<String, Integer> byCode = new TreeMap<>();
  private final Map<String, Integer> byServer = new TreeMap<>(); // answers with OK, by pod name
  private double[] lateness = new double[1024]; // s, sent − scheduled; one an RPC sent
  private int sent;
  private int notSent;

  synchronized void sent(double late) {
    if (sent == lateness.length) {
      lateness = Arrays.copyOf(lateness, 2 * sent);
    }
    lateness[sent++] = Math.max(0, late);
  }

  synchronized void skipped() {
    notSent++;
  }

  synchronized void failed(String code) {
    byCode.merge(code, 1, Integer::sum);
  }

  synchronized void answered(String server) {
    byCode.merge("OK", 1, Integer::sum);
    byServer.merge(server, 1, Integer::sum);
  }

  /** The tally as it is printed; counts become rates by the seconds that the schedule ran. */
  synchronized Map<String, Object> report(double elapsed) {
    double[] late = Arrays.copyOf(lateness, sent);
    Arrays.sort(late);
    int scheduled = sent + notSent;
    Map<String, Object> report = new LinkedHashMap<>();
    report.put("scheduled", scheduled);
    report.put("sent", sent);
    report.put("not_sent", notSent);
    report.put("by_code", byCode);
    report.put("by_server", byServer);
    report.put("offered_rate", elapsed > 0 ? scheduled / elapsed : 0.0);
    report.put("achieved_rate", elapsed > 0 ? sent / elapsed : 0.0);
    report.put("lateness_p50", quantile(late, 0.5));
    report.put("lateness_p99", quantile(late, 0.99));
    report.put("lateness_max", quantile(late, 1.0));
    return report;
  }

  /** The nearest-rank quantile, 0 < q ≤ 1, of sorted values; 0 of none. */
  private static double quantile(double[] ascending, double q) {
    if (ascending.length == 0) {
      return 0;
    }
    return ascending[Math.max(0, (int) Math.ceil(q * ascending.length) - 1)];
  }
}
