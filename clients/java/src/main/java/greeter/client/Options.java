package greeter.client;

import static java.util.Map.entry;

import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import java.security.Security;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/** Turns channel arguments of gRPC's C core into what grpc-java has for them. */
final class Options {
  /** grpc-java's own: it raises what is shorter. */
  private static final int LEAST_KEEPALIVE_MS = 10_000;

  private static final Map<String, BiConsumer<NettyChannelBuilder, String>> TEXTS =
      Map.of(
          "grpc.default_authority", NettyChannelBuilder::overrideAuthority,
          "grpc.primary_user_agent", NettyChannelBuilder::userAgent);

  private final Map<String, String> arguments;
  private final Map<String, Integer> numbers = new LinkedHashMap<>();
  private final Map<String, String> notApplied = new LinkedHashMap<>();

  Options(Map<String, String> arguments) {
    this.arguments = arguments;
    arguments.forEach(this::check);
  }

  /** Each option that is not applied, or not as it is, and why. */
  Map<String, String> notApplied() {
    return notApplied;
  }

  /** What concerns the whole process; before the first look-up. */
  void install() {
    Integer interval = numbers.get("grpc.dns_min_time_between_resolutions_ms");
    if (interval != null) {
      String seconds = Integer.toString((interval + 999) / 1000);
      System.setProperty("networkaddress.cache.ttl", seconds); // grpc-java's resolver reads this one
      Security.setProperty("networkaddress.cache.ttl", seconds); // and the JVM's own cache that one
    }
  }

  /** What concerns one channel. */
  void apply(NettyChannelBuilder channel) {
    TEXTS.forEach((key, option) -> {
      if (arguments.containsKey(key)) {
        option.accept(channel, arguments.get(key));
      }
    });
    numbers.forEach((key, value) -> NUMBERS.get(key).accept(channel, value));
    keepalive(channel);
  }

  private static final BiConsumer<NettyChannelBuilder, Integer> ELSEWHERE = (channel, value) -> {};

  private static final Map<String, BiConsumer<NettyChannelBuilder, Integer>> NUMBERS =
      Map.ofEntries(
          entry("grpc.dns_min_time_between_resolutions_ms", ELSEWHERE),
          entry("grpc.keepalive_time_ms", ELSEWHERE),
          entry("grpc.keepalive_timeout_ms", ELSEWHERE),
          entry("grpc.http2.ping_timeout_ms", ELSEWHERE),
          entry("grpc.keepalive_permit_without_calls", (channel, value) -> channel.keepAliveWithoutCalls(value != 0)),
          entry("grpc.http2.max_pings_without_data", ELSEWHERE), // there is no limit, as 0 says
          entry("grpc.use_local_subchannel_pool", ELSEWHERE), // channels share no connections, as 1 says
          entry("grpc.min_reconnect_backoff_ms",
              (channel, value) -> channel.withOption(ChannelOption.CONNECT_TIMEOUT_MILLIS, value)),
          entry("grpc.client_idle_timeout_ms", (channel, value) -> channel.idleTimeout(value, TimeUnit.MILLISECONDS)),
          entry("grpc.enable_retries", (channel, value) -> {
            if (value == 0) {
              channel.disableRetry();
            }
          }),
          entry("grpc.service_config_disable_resolution", (channel, value) -> {
            if (value != 0) {
              channel.disableServiceConfigLookUp();
            }
          }),
          entry("grpc.enable_http_proxy", (channel, value) -> {
            if (value == 0) {
              channel.proxyDetector(address -> null);
            }
          }),
          entry("grpc.max_receive_message_length",
              (channel, value) -> channel.maxInboundMessageSize(value < 0 ? Integer.MAX_VALUE : value)));

  private void check(String key, String text) {
    if (TEXTS.containsKey(key)) {
      return;
    }
    if (!NUMBERS.containsKey(key)) {
      notApplied.put(key, "grpc-java has nothing that does this");
      return;
    }
    int value;
    try {
      value = Integer.parseInt(text);
    } catch (NumberFormatException e) {
      notApplied.put(key, "\"" + text + "\" is not a 32-bit integer");
      return;
    }
    numbers.put(key, value);
    String why = switch (key) {
      case "grpc.dns_min_time_between_resolutions_ms" -> value % 1000 == 0 ? null
          : "the JVM counts in seconds: " + value + " ms became " + (value + 999) / 1000 + " s";
      case "grpc.keepalive_time_ms" -> value >= LEAST_KEEPALIVE_MS ? null
          : "grpc-java pings every 10 s at most often: " + value + " ms became 10 s";
      case "grpc.http2.max_pings_without_data" -> value == 0 ? null
          : "grpc-java has no limit to pings without data, as 0 says";
      case "grpc.use_local_subchannel_pool" -> value != 0 ? null
          : "channels of grpc-java never share connections, as 1 says";
      case "grpc.http2.ping_timeout_ms" -> arguments.getOrDefault("grpc.keepalive_timeout_ms", text).equals(text) ? null
          : "grpc-java has one timeout of pings, and that of grpc.keepalive_timeout_ms is it";
      default -> null;
    };
    if (why != null) {
      notApplied.put(key, why);
    }
  }

  private void keepalive(NettyChannelBuilder channel) {
    Integer time = numbers.get("grpc.keepalive_time_ms");
    Integer timeout = numbers.getOrDefault("grpc.keepalive_timeout_ms", numbers.get("grpc.http2.ping_timeout_ms"));
    if (time != null) {
      channel.keepAliveTime(time, TimeUnit.MILLISECONDS);
      if (timeout != null) {
        channel.keepAliveTimeout(timeout, TimeUnit.MILLISECONDS);
      }
    }
  }
}
