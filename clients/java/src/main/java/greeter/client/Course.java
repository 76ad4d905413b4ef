package greeter.client;

import java.util.ArrayList;
import java.util.List;

/**
 * A rate that changes, from the load's start on. Between two points it is linear, two at one instant make a step, and
 * after the last one it stays.
 */
final class Course {

  /** The rate at an instant, in seconds after the start. */
  private record Point(double at, double rate) {}

  private final List<Point> points = new ArrayList<>();
  private final List<Double> due = new ArrayList<>(); // RPCs due until each point: the integral of the rate

  /** Reads AT:RATE,AT:RATE…: in order of time, the first one at 0. */
  static Course parse(String text) {
    Course course = new Course();
    for (String part : text.split(",", -1)) {
      int colon = part.indexOf(':');
      course.add(number(part.substring(0, Math.max(0, colon))), number(part.substring(colon + 1)));
    }
    return course;
  }

  private static double number(String text) {
    try {
      double value = Double.parseDouble(text);
      if (Double.isFinite(value) && value >= 0) {
        return value;
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw new IllegalArgumentException("not AT:RATE,AT:RATE… of finite numbers of at least 0");
  }

  private void add(double at, double rate) {
    if (points.isEmpty()) {
      if (at != 0) {
        throw new IllegalArgumentException("no first point at 0");
      }
      due.add(0.0);
    } else {
      Point before = points.get(points.size() - 1);
      if (at < before.at) {
        throw new IllegalArgumentException("points not in order of time");
      }
      due.add(due.get(due.size() - 1) + (at - before.at) * (before.rate + rate) / 2);
    }
    points.add(new Point(at, rate));
  }

  /** How many RPCs are due before an instant. */
  double rpcs(double at) {
    int index = points.size() - 1;
    while (index > 0 && points.get(index).at > at) {
      index--;
    }
    double since = Math.max(0, at - points.get(index).at);
    return due.get(index) + since * (points.get(index).rate + slope(index) * since / 2);
  }

  /** The first instant before which so many RPCs are due; infinity for never. */
  double instant(double rpcs) {
    int index = due.size() - 1;
    while (index > 0 && due.get(index) > rpcs) {
      index--;
    }
    while (index > 0 && due.get(index) == rpcs && due.get(index - 1) == rpcs) {
      index--; // nothing is due for a while: its beginning is the first instant
    }
    Point start = points.get(index);
    double left = rpcs - due.get(index);
    if (left <= 0) {
      return start.at;
    }
    // rate × t + slope × t² / 2 = left, in the form that neither divides by a slope of 0 nor cancels.
    double root = Math.sqrt(Math.max(0, start.rate * start.rate + 2 * slope(index) * left));
    return start.rate + root > 0 ? start.at + 2 * left / (start.rate + root) : Double.POSITIVE_INFINITY;
  }

  private double slope(int index) {
    if (index + 1 == points.size()) {
      return 0;
    }
    Point from = points.get(index);
    Point to = points.get(index + 1);
    return to.at > from.at ? (to.rate - from.rate) / (to.at - from.at) : 0;
  }
}
