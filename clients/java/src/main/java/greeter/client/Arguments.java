package greeter.client;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import com.google.gson.reflect.TypeToken;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** The command line; a bad one is a {@link BadArgumentException} with one line. Without a start, it is now. */
record Arguments(
    String target,
    int clients,
    double rate,
    Optional<Course> course,
    double timeout,
    OptionalDouble startAt,
    double duration,
    long seed,
    int maxInFlight,
    double maxLateness,
    Map<String, Object> serviceConfig,
    Map<String, String> channelArgs,
    boolean check) {

  private static final String CHECK = "--check"; // the one flag without a value

  private static final List<String> FLAGS = List.of("--target", "--clients", "--rate", "--rates", "--timeout",
      "--start-at", "--duration", "--seed", "--max-in-flight", "--max-lateness", "--service-config", "--channel-arg");

  /** What is wrong with the command line, in one line. */
  static final class BadArgumentException extends RuntimeException {
    private static final long serialVersionUID = 1;

    BadArgumentException(String message) {
      super(message);
    }
  }

  static Arguments parse(String... words) {
    Map<String, List<String>> given = given(words);
    if (!given.containsKey("--target")) {
      throw new BadArgumentException("the following arguments are required: --target");
    }
    return new Arguments(
        last(given, "--target", ""),
        count(given, "--clients", "1"),
        positive(given, "--rate", "10"),
        course(given),
        positive(given, "--timeout", "5"),
        given.containsKey("--start-at") ? OptionalDouble.of(notNegative(given, "--start-at", "")) : OptionalDouble.empty(),
        positive(given, "--duration", "10"),
        (long) whole(given, "--seed", "0", Long.MIN_VALUE, Long.MAX_VALUE),
        count(given, "--max-in-flight", "1000"),
        positive(given, "--max-lateness", "1"),
        object(last(given, "--service-config", "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}")),
        pairs(given.getOrDefault("--channel-arg", List.of())),
        given.containsKey(CHECK));
  }

  private static Map<String, List<String>> given(String... words) {
    Map<String, List<String>> given = new LinkedHashMap<>();
    for (int i = 0; i < words.length; i++) {
      if (words[i].equals(CHECK)) {
        given.put(CHECK, List.of());
        continue;
      }
      int equals = words[i].indexOf('=');
      String flag = equals < 0 ? words[i] : words[i].substring(0, equals);
      if (!FLAGS.contains(flag)) {
        throw new BadArgumentException("unrecognized argument: " + words[i]);
      }
      if (equals < 0 && i + 1 == words.length) {
        throw new BadArgumentException(flag + ": expected one argument");
      }
      String value = equals < 0 ? words[++i] : words[i].substring(equals + 1);
      given.computeIfAbsent(flag, key -> new ArrayList<>()).add(value);
    }
    return given;
  }

  private static String last(Map<String, List<String>> given, String flag, String otherwise) {
    List<String> values = given.getOrDefault(flag, List.of(otherwise));
    return values.get(values.size() - 1);
  }

  private static Optional<Course> course(Map<String, List<String>> given) {
    if (!given.containsKey("--rates")) {
      return Optional.empty();
    }
    try {
      return Optional.of(Course.parse(last(given, "--rates", "")));
    } catch (IllegalArgumentException e) {
      throw new BadArgumentException("--rates: " + e.getMessage());
    }
  }

  private static double positive(Map<String, List<String>> given, String flag, String otherwise) {
    double value = number(given, flag, otherwise);
    if (value <= 0) {
      throw new BadArgumentException(flag + ": not greater than 0");
    }
    return value;
  }

  private static double notNegative(Map<String, List<String>> given, String flag, String otherwise) {
    double value = number(given, flag, otherwise);
    if (value < 0) {
      throw new BadArgumentException(flag + ": less than 0");
    }
    return value;
  }

  private static double number(Map<String, List<String>> given, String flag, String otherwise) {
    try {
      double value = Double.parseDouble(last(given, flag, otherwise));
      if (Double.isFinite(value)) {
        return value;
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw new BadArgumentException(flag + ": not a finite number");
  }

  private static int count(Map<String, List<String>> given, String flag, String otherwise) {
    return (int) whole(given, flag, otherwise, 1, 100_000);
  }

  private static long whole(Map<String, List<String>> given, String flag, String otherwise, long least, long most) {
    try {
      long value = Long.parseLong(last(given, flag, otherwise));
      if (least <= value && value <= most) {
        return value;
      }
      throw new BadArgumentException(flag + ": not from " + least + " to " + most);
    } catch (NumberFormatException e) {
      throw new BadArgumentException(flag + ": not a whole number");
    }
  }

  private static Map<String, Object> object(String text) {
    try {
      Map<String, Object> object = new Gson().fromJson(text, new TypeToken<Map<String, Object>>() {}.getType());
      if (object != null) {
        return object;
      }
    } catch (JsonParseException e) {
      // told below
    }
    throw new BadArgumentException("--service-config: not a JSON object");
  }

  private static Map<String, String> pairs(List<String> texts) {
    Map<String, String> pairs = new LinkedHashMap<>();
    for (String text : texts) {
      int equals = text.indexOf('=');
      if (equals < 1) {
        throw new BadArgumentException("--channel-arg: '" + text + "' is not KEY=VALUE");
      }
      pairs.put(text.substring(0, equals), text.substring(equals + 1));
    }
    return pairs;
  }
}
