package greeter.client;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/** What the program tells other programs: one JSON object a line on standard output. */
final class Events {
  private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

  private Events() {}

  /** Writes an event with the time now, in nanoseconds since the Unix epoch. */
  static synchronized void emit(String event, Map<String, ?> fields) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("event", event);
    Instant now = Instant.now();
    line.put("time_unix_nano", now.getEpochSecond() * 1_000_000_000L + now.getNano());
    line.putAll(fields);
    System.out.println(GSON.toJson(line));
    System.out.flush(); // a PrintStream passes over a reader that is gone
  }
}
