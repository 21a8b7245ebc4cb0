#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "quorum/result.h"
#include "quorum/types.h"
#include "topology/topology.h"

// What an operator may ask a gateway to break for a drill, and what becomes of it.
namespace regent {

// Faults end by themselves after at most this.
inline constexpr Duration kLongestFaults = std::chrono::minutes(10);
inline constexpr Duration kLongestDelay = std::chrono::seconds(5);
inline constexpr std::size_t kMaxDrillName = 64;
inline constexpr const char* kNoDrill = "unnamed";

// What must not come of a drill; everything ends at once where it does. The gateways hold it, each
// with what the others tell it (drill_guard.h).
struct DrillAborts {
  std::optional<Duration> no_primary_for;  // no gateway held a live lease
  // More writes than this failed, whoever wrote: gateways that the drill does not cut off from all
  // other regions answered them with 502, 503 or 504 of their own.
  std::optional<std::uint64_t> failed_writes;
};

// "6 writes have failed, more than 5".
std::string failed_text(std::uint64_t failed, std::uint64_t limit);

struct FaultOrder {
  std::vector<std::string> drop_to;    // regions; messages to them are lost,
  std::vector<std::string> drop_from;  // messages from them are,
  std::vector<std::string> delay_to;   // messages to them are late by `delay`
  Duration delay{};
  std::vector<std::string> drop_nodes;  // of the gateway's own region: as good as gone
  bool drop_redis = false;
  std::vector<std::string> stop;   // processes, REGION/NAME, of any region: killed, and
  std::vector<std::string> pause;  // these are stopped in whatever they do; only where one runs
                                   // them all (FaultSettings::supervisor)
  Duration length{};               // then everything ends
  // Whose they are. With nothing to break the order only announces the drill: it checks that it may
  // begin, and keeps others away for its length. Faults outside of any drill belong together.
  std::string drill = kNoDrill;
  bool continues = false;  // only where that drill runs already: nobody has ended it meanwhile
  std::optional<std::uint64_t> min_margin;  // of the quorum; below it everything ends at once,
  DrillAborts abort;                        // and when one of these holds

  bool breaks_links() const { return !drop_to.empty() || !drop_from.empty() || !delay_to.empty(); }
  bool breaks_processes() const { return !stop.empty() || !pause.empty(); }
  bool breaks_anything() const {
    return breaks_links() || breaks_processes() || drop_redis || !drop_nodes.empty();
  }
};

// From the body of POST /v1/faults. Errors say what is wrong with it and what would be right.
Result<FaultOrder> parse_fault_order(const std::string& body);

// When faults may be ordered at all: on these days, between these minutes of the day, in UTC. One
// whose end is not after its beginning goes on past midnight, and counts to the day it began.
struct FaultWindow {
  std::uint8_t first_day = 0;  // 0: Sunday
  std::uint8_t last_day = 6;   // may be before the first: sat-mon
  std::uint32_t from_minute = 0;
  std::uint32_t until_minute = 24 * 60;

  bool open_at(std::chrono::system_clock::time_point when) const;
  std::string text() const;  // "mon-fri 09:00-17:00 UTC"
};

// "09:00-17:00" or "mon-fri 09:00-17:00", as after --faults-window.
Result<FaultWindow> parse_fault_window(const std::string& text);

// How a gateway was started.
struct FaultSettings {
  bool allowed = false;
  std::optional<FaultWindow> window;  // none: at any time
  int supervisor = -1;  // the socket to who runs all processes (process_faults.h); -1: nobody does
};

// What runs, for people and programs.
struct FaultsStatus {
  bool allowed = false;
  bool running = false;  // a drill or a fault; the rest says nothing otherwise
  FaultOrder order;
  Instant until = Instant::min();
  std::string last_end;             // why the last ones ended; "": there were none
  bool processes = false;           // can be stopped and paused, too
  std::uint64_t failed_writes = 0;  // at all gateways, as far as known here, since it was announced
};

struct FaultReply {
  enum class Kind : std::uint8_t { done, not_allowed, unfit, refused, unavailable };
  Kind outcome = Kind::done;
  std::string rule;     // which safety rule refused
  std::string message;  // in words; what ended, or why not
  FaultsStatus faults;  // when done
};

}  // namespace regent
