#include <cmath>
#include <cstdio>

#include "gateway/cli/topology_report.h"

namespace regent::cli {
namespace {

std::string formatted(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// "0.1 %", as short as it is exact to four digits.
std::string share_text(double share) {
  return formatted("%.4g", 100 * share) + " %";
}

std::string minutes(double share) {
  const double count = share * kMinutesPerYear;
  if (count < 0.001) return "less than 0.001";
  return formatted(count < 100 ? "%.3g" : "%.0f", count);
}

// "99.9997 %": as many nines as there are, up to ten, and two digits more.
std::string up_text(double down) {
  if (down > 0 && down < 1e-10) return ">99.99999999 %";
  const int digits = down <= 0 ? 3 : std::min(10, std::max(1, static_cast<int>(-std::log10(down))));
  char text[32];
  std::snprintf(text, sizeof text, "%.*f %%", digits, 100 * (1 - down));
  return text;
}

std::string exceptions_text(std::size_t count) {
  if (count == 0) return "";
  return ", with " + std::to_string(count) + (count == 1 ? " exception" : " exceptions");
}

std::string between(double least, double most) {
  return "between " + minutes(least) + " and " + minutes(most);
}

std::string unavailability_text(const Unavailability& down) {
  const std::string up = column(up_text(down.guess), 16);
  if (down.method == Unavailability::Method::sampling) {
    const std::string guess = minutes(down.guess);
    return up + (guess.starts_with("less") ? "" : "about ") + guess +
           " minutes a year without a primary (sampled; " +
           between(down.likely_least, down.likely_most) + " with 99 % confidence, " +
           between(down.least, down.most) + " for certain)";
  }
  const bool same = minutes(down.least) == minutes(down.most);
  return up + (same ? minutes(down.most) : between(down.least, down.most)) +
         " minutes a year without a primary" + (down.exact() ? "" : " (bounds)");
}

std::string seconds(Duration duration) {
  return formatted("%.2f", std::chrono::duration<double>(duration).count());
}

std::string milliseconds(Duration duration) {
  return formatted("%.4g", std::chrono::duration<double, std::milli>(duration).count()) + " ms";
}

std::string timing_of(const Timing& timing) {
  return "lease " + milliseconds(timing.lease) + ", heartbeat " + milliseconds(timing.heartbeat) +
         ", election window " + milliseconds(timing.election_window);
}

std::string failover_text(const Topology& topology, const FailoverTime& failover) {
  if (failover.successor == kNoRegion) return "nobody can follow";
  return topology.region_name(failover.successor) + " follows after about " +
         seconds(failover.typical) + " s (" + seconds(failover.least) + " to " +
         seconds(failover.most) + " s)";
}

}  // namespace

std::string availability_text(const CheckReport& report) {
  const Failures& failures = report.failures;
  const std::size_t exceptions = failures.exceptions(report.topology()).size();
  return "Availability, when regions are down " + share_text(failures.region) +
         " of the time, nodes " + share_text(failures.node) + ", links " +
         share_text(failures.link) + exceptions_text(exceptions) + " (--failure)\n" +
         titled("this topology", unavailability_text(report.unavailability)) +
         titled("plain majority of nodes", unavailability_text(report.as_plain_majority));
}

std::string timing_text(const CheckReport& report) {
  const Topology& topology = report.topology();
  const TimingAdvice& advice = report.timing;
  std::string out = "Timing: " + timing_of(topology.timing) + "\n";
  if (report.round_trips_given) {
    out += titled("round trips", "longest " + milliseconds(advice.longest) +
                                     ", longest needed to win " +
                                     milliseconds(advice.longest_to_win));
  } else {
    out += titled("round trips", "none given, taken as 0 (--measured, --rtt 80ms, --rtt A~B=80ms)");
  }
  for (const FailoverTime& failover : advice.failovers) {
    out += titled("loss of " + topology.region_name(failover.lost),
                  failover_text(topology, failover));
  }
  for (const TimingProblem& problem : advice.problems) {
    out += "  " + problem.path + " " + problem.text + "; " + problem.mend + ".\n";
  }
  if (!report.round_trips_given) return out;
  if (advice.problems.empty()) out += "  These settings suit the distances.\n";
  out += titled("the shortest that suit", timing_of(advice.better));
  if (advice.better_failover.successor != kNoRegion) {
    out += titled("", "then " + failover_text(topology, advice.better_failover));
  }
  return out;
}

}  // namespace regent::cli
