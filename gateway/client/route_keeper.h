#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gateway/client/route.h"

namespace regent::client {

// A route that somebody showed us, and for how long it held when he was asked.
struct Offer {
  Route route;
  Instant asked;    // on our clock, before the question left
  Duration left{};  // of the lease, as told in the answer

  // Not later than the lease's real end: the answer was made after the question.
  Instant ends() const { return asked + left; }
};

// The rules by which the answers of all sources become one route. A pure state machine: time comes
// in as an argument. What holds for its whole life:
//   - the epoch of the route in force is the highest ever seen, in an offer or in an announcement;
//   - the route ends when the latest lease shown for its epoch does;
//   - one epoch has one primary.
class RouteKeeper {
 public:
  enum class Verdict {
    taken,       // in force now, and other than what was
    renewed,     // the same as was in force, for longer
    known,       // ends no later than what is in force
    lower,       // a higher epoch has been seen
    conflict,    // another primary than was seen in this epoch
    given_back,  // a copy of what its primary gave back
    over,        // its lease had ended before the answer came
  };

  Verdict offer(const Offer& offer, Instant now);

  // Somebody told that this epoch exists. What is older ends now.
  void announce(Epoch epoch);

  // The primary of this epoch gave it back before its lease ended. Copies that other sources still
  // show are not taken for as long as a lease in this epoch was seen to last; after that, whoever
  // shows a live lease in it got one anew.
  void give_back(Epoch epoch, Instant now);

  // Ends what is over.
  void expire(Instant now);

  struct Current {
    Route route;
    Instant ends;
    Instant asked;
  };
  const std::optional<Current>& current() const { return current_; }
  Epoch highest() const { return highest_; }
  // "" as long as none was seen in the highest epoch.
  const std::string& primary() const { return primary_; }
  // Grows when the route in force is replaced or gone, but not when it is renewed.
  std::uint64_t version() const { return version_; }

 private:
  void drop();

  std::optional<Current> current_;
  std::uint64_t version_ = 0;
  Epoch highest_;
  // Of the highest epoch.
  std::string primary_;
  Duration longest_{};  // lease left in any offer
  Instant barred_until_ = Instant::min();
};

// The verdict as a reason not to use an offer of this epoch; "" when it was of use.
std::string objection(RouteKeeper::Verdict verdict, const Offer& offer, const RouteKeeper& keeper);

}  // namespace regent::client
