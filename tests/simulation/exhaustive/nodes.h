#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/simulation/exhaustive/voters.h"

namespace regent::exhaustive {

// One node with its disk, and what gateways and the judge remember of it, as a table like Voters.
//
// What gateways remember are its grants. All that ever matters of them is how old the newest one to
// a gateway's present epoch is: with that, the node can be counted for every round that was sent no
// later, since a late copy of that round's question may have arrived together with it.
class Nodes {
 public:
  using Id = std::uint32_t;
  explicit Nodes(const Setup& setup);

  enum class Span : std::uint8_t { window, lease };
  enum class Fate : std::uint8_t {
    first,      // the answer reaches the gateway, which was in a lower epoch until now
    counted,    // the answer reaches the gateway
    late,       // the gateway has given the epoch up: the answer counts for nothing
    not_heard,  // the node crashes after writing, before answering, and starts again
  };
  // Rules that a node can break by itself.
  enum class Broken : std::uint8_t { nothing, older_epoch, second_vote };
  struct Local {
    Voters::Id voter = 0;
    VoteRecord disk;
    Epoch voted;  // the latest vote, heard or not
    RegionId voted_for = kNoRegion;
    std::array<std::uint8_t, kMaxGateways> granted{};  // ticks since a full lease's grant, plus one
    std::array<bool, kMaxGateways> granted_now{};      // in this tick, at least the first ask's
    Broken broken = Broken::nothing;
    auto tie() const {
      return std::tie(voter, disk.epoch, disk.region, disk.lease, voted, voted_for, granted,
                      granted_now, broken);
    }
    bool operator<(const Local& other) const { return tie() < other.tie(); }
  };

  // Something that may happen to a node, other than time. Moves that change nothing at the node are
  // left out: whoever asked could as well have kept silent.
  struct Move {
    enum class Kind : std::uint8_t { crash, ask, release, close };
    Kind kind = Kind::crash;
    std::uint8_t gateway = 0;
    std::uint8_t epoch = 0;
    Span span = Span::window;
    Fate fate = Fate::counted;
    Id next = 0;
  };
  // What counting votes and judging need of a node.
  struct Seen {
    std::uint8_t lease = 0;   // gateways to which a full lease's grant is young enough, as bits
    std::uint8_t window = 0;  // the same for the first ask's
    std::uint8_t voted = 0;   // epoch
    Broken broken = Broken::nothing;
  };

  // A node that was never started before.
  Id fresh();
  Id tick(Id node);
  const std::vector<Move>& moves(Id node);
  // The gateway has left the epoch it was in.
  Id forget_grants(Id node, unsigned gateway);
  // All grants to the gateway become as new: only with Flaw::receipt.
  Id renew_grants(Id node, unsigned gateway);
  Id renamed(Id node, unsigned renaming);

  const Seen& seen(Id node) const { return seen_[node]; }
  const Local& local(Id node) const { return locals_[node]; }
  Voters& voters() { return voters_; }
  std::size_t size() const { return locals_.size(); }

 private:
  template <typename Compute>
  Id look_up(Id node, unsigned operation, Compute compute);
  Id intern(const Local& local);
  void add_asks(const Local& local, unsigned gateway, unsigned epoch, std::vector<Move>& out);
  Local asked(Local local, unsigned gateway, unsigned epoch, Span span, Fate fate);
  Local given_back(Local local, QuestionKind kind, unsigned gateway, unsigned epoch);
  Local crashed(Local local);
  Voters::Id reboot(VoteRecord disk);

  Setup setup_;
  Voters voters_;
  std::vector<Renaming> renamings_;
  unsigned operations_;
  std::vector<Local> locals_;
  std::vector<Seen> seen_;
  std::vector<std::vector<Move>> moves_;  // empty until computed: a node can always crash
  std::vector<Id> table_;                 // by node, then operation; kUnknown until computed
  std::map<Local, Id> ids_;
};

}  // namespace regent::exhaustive
