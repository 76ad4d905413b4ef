package greeter.client;

import io.grpc.ClientInterceptor;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import sun.misc.Signal;

/** Sends greetings on a schedule, whatever the answers do: greeter.client in Java. */
public final class Main {
  private Main() {}

  /** Runs the load. */
  public static void main(String[] words) throws InterruptedException {
    Arguments arguments = null;
    try {
      arguments = Arguments.parse(words);
    } catch (Arguments.BadArgumentException e) {
      fail(2, e.getMessage());
    }
    Options options = new Options(arguments.channelArgs());
    options.install();
    options.notApplied().forEach(
        (option, why) -> Events.emit("option_not_applied", Map.of("option", option, "why", why)));
    if (arguments.check()) {
      open(arguments, options, List.of()).forEach(ManagedChannel::shutdownNow);
      return;
    }
    try (Telemetry telemetry = Telemetry.start(System.getenv())) {
      List<ManagedChannel> channels = open(arguments, options, telemetry.interceptors());
      Load load = new Load(channels,
          new Load.Limits(arguments.timeout(), arguments.maxInFlight(), arguments.maxLateness()));
      // SIGTERM ends the load in order; before there is one, the JVM's own way is right.
      for (String name : List.of("TERM", "INT")) {
        Signal.handle(new Signal(name), signal -> load.stop());
      }
      double startAt = arguments.startAt().orElseGet(() -> System.currentTimeMillis() / 1e3);
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("target", arguments.target());
      fields.put("clients", arguments.clients());
      fields.put("start_at", startAt);
      Events.emit("started", fields);
      double elapsed = load.run(
          new Schedule(
              arguments.clients(), arguments.rate(), arguments.course(), arguments.duration(), arguments.seed()),
          startAt);
      Events.emit("finished", Map.of("tally", load.tally().report(elapsed)));
      channels.forEach(ManagedChannel::shutdownNow);
    }
  }

  /** Makes a channel a client and has it connect; a setting that grpc-java refuses ends the program. */
  private static List<ManagedChannel> open(
      Arguments arguments, Options options, List<ClientInterceptor> interceptors) {
    List<ManagedChannel> channels = new ArrayList<>();
    for (int client = 0; client < (arguments.check() ? 1 : arguments.clients()); client++) {
      NettyChannelBuilder builder = NettyChannelBuilder.forTarget(arguments.target()).usePlaintext();
      options.apply(builder);
      builder.intercept(interceptors);
      try {
        channels.add(builder.defaultServiceConfig(arguments.serviceConfig()).build());
      } catch (IllegalArgumentException | IllegalStateException e) {
        fail(2, e.getMessage());
      }
    }
    channels.forEach(channel -> channel.getState(true));
    return channels;
  }

  private static void fail(int status, String message) {
    System.err.println("greeter-client: error: " + String.join(" ", String.valueOf(message).split("\\s+")));
    System.exit(status);
  }
}
