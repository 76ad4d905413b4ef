package greeter.client;

import greeter.v1.Greeter.SayHelloRequest;
import greeter.v1.Greeter.SayHelloResponse;
import greeter.v1.GreeterServiceGrpc;
import io.grpc.Channel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;

/** The open loop: sends each RPC when it is due, and never waits for an answer to do so. */
final class Load {
  /** When the RPC was due, in nanoseconds since the Unix epoch, decimal. */
  static final Metadata.Key<String> SCHEDULED =
      Metadata.Key.of("x-scheduled-unix-nano", Metadata.ASCII_STRING_MARSHALLER);

  /** What bounds the load: an RPC's deadline, the RPCs of one client, and how late one may be sent, in seconds. */
  record Limits(double timeout, int maxInFlight, double maxLateness) {}

  private final List<GreeterServiceGrpc.GreeterServiceStub> stubs;
  private final Limits limits;
  private final AtomicIntegerArray inFlight;
  private final CountDownLatch stopped = new CountDownLatch(1);
  private final Tally tally = new Tally();
  private int open; // RPCs in flight, of all clients

  Load(List<? extends Channel> channels, Limits limits) {
    this.stubs = channels.stream().map(GreeterServiceGrpc::newStub).toList();
    this.limits = limits;
    this.inFlight = new AtomicIntegerArray(channels.size());
  }

  Tally tally() {
    return tally;
  }

  /** Ends the schedule now: what is not due yet is never scheduled. */
  void stop() {
    stopped.countDown();
  }

  /**
   * Sends until the schedule's end, then waits for what is in flight: each RPC has its deadline.
   *
   * @param startAt the schedule's zero, seconds since the Unix epoch
   * @return the seconds that the schedule ran
   */
  double run(Schedule schedule, double startAt) throws InterruptedException {
    // The wall clock is read once: a step of it must not move the schedule.
    long startNano = Math.round(startAt * 1e9);
    Instant now = Instant.now();
    long zero = System.nanoTime() + startNano - TimeUnit.SECONDS.toNanos(now.getEpochSecond()) - now.getNano();
    schedule.each(due -> {
      long offset = nanos(due.at());
      if (!sleepUntil(zero + offset)) {
        return false;
      }
      send(due.client(), zero + offset, startNano + offset);
      return true;
    });
    sleepUntil(zero + nanos(schedule.duration()));
    double elapsed = Math.min(schedule.duration(), Math.max(0, (System.nanoTime() - zero) / 1e9));
    awaitAnswers();
    return elapsed;
  }

  private void send(int client, long at, long dueUnixNano) {
    double late = (System.nanoTime() - at) / 1e9;
    if (late > limits.maxLateness() || inFlight.get(client) >= limits.maxInFlight()) {
      tally.skipped();
      return;
    }
    tally.sent(late);
    inFlight.incrementAndGet(client);
    opened(1);
    Metadata headers = new Metadata();
    headers.put(SCHEDULED, Long.toString(dueUnixNano));
    stubs.get(client)
        .withDeadlineAfter(Duration.ofNanos(nanos(limits.timeout())))
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
        .sayHello(SayHelloRequest.newBuilder().setName("client-" + client).build(), new Answer(client));
  }

  /** Returns false when it was stopped before. */
  private boolean sleepUntil(long instant) {
    try {
      return !stopped.await(Math.max(0, instant - System.nanoTime()), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e); // nobody interrupts the sender
    }
  }

  private synchronized void opened(int change) {
    open += change;
    notifyAll();
  }

  private synchronized void awaitAnswers() throws InterruptedException {
    while (open > 0) {
      wait();
    }
  }

  private static long nanos(double seconds) {
    return Math.round(seconds * 1e9);
  }

  /** Counts how one RPC ended. */
  private final class Answer implements StreamObserver<SayHelloResponse> {
    private final int client;
    private String server = "";

    Answer(int client) {
      this.client = client;
    }

    @Override
    public void onNext(SayHelloResponse response) {
      server = response.getPodName();
    }

    @Override
    public void onError(Throwable error) {
      tally.failed(Status.fromThrowable(error).getCode().name());
      ended();
    }

    @Override
    public void onCompleted() {
      tally.answered(server);
      ended();
    }

    private void ended() {
      inFlight.decrementAndGet(client);
      opened(-1);
    }
  }
}
