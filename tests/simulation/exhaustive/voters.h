#pragma once

#include <array>
#include <map>
#include <optional>
#include <vector>

#include "quorum/voter.h"
#include "tests/simulation/exhaustive/setup.h"

namespace regent::exhaustive {

// The real Voter as a table: every state it can get into, numbered by what can be seen of it from
// outside, and what it answers there. Each entry is computed by a real Voter once and then looked
// up, which is what makes millions of cluster states affordable.
//
// Two voters count as the same when record, closed epochs and the time left of the promises, as
// wait() tells it for every gateway and after a release by all, are the same. With at most two
// gateways a region this names every promise. In the last epoch of the search promises and the
// stored lease are left out: they only matter to an ask in a higher epoch. None of this is taken on
// trust: when two histories meet in one entry, every question is put to both voters, and they must
// answer alike and look alike afterwards.
class Voters {
 public:
  using Id = std::uint32_t;
  explicit Voters(const Setup& setup) : setup_(setup) {}

  // A voter started on this disk.
  Id boot(const VoteRecord& disk);
  // The same voter one tick later.
  Id tick(Id voter);
  struct Decision {
    Id next;
    Verdict verdict;
    std::optional<VoteRecord> persist;
  };
  Decision decide(Id voter, const Question& question);
  // The voter with the same history under other names.
  Id renamed(Id voter, const Renaming& renaming);

  const Voter& voter(Id id) const { return states_[id].voter; }
  // How long promises to others than this gateway still run.
  Duration wait(Id id, Incarnation asking) const {
    return states_[id].voter.wait(asking, states_[id].now);
  }
  std::size_t size() const { return states_.size(); }
  std::size_t meetings() const { return meetings_; }
  // Set when two voters that look alike behave differently: the table would be wrong.
  const std::optional<std::string>& broken() const { return broken_; }

 private:
  struct Look {
    VoteRecord record;
    unsigned closed = 0;  // epochs, as bits
    bool failed = false;
    std::array<std::int64_t, kMaxGateways + 2> waits{};
    auto tie() const {
      return std::tie(record.epoch, record.region, record.lease, closed, failed, waits);
    }
    bool operator<(const Look& other) const { return tie() < other.tie(); }
    bool operator==(const Look& other) const { return tie() == other.tie(); }
  };
  // How a voter came to be, from `before` when there is one.
  struct Origin {
    std::optional<Id> before;
    std::optional<Question> question;  // else a tick
    VoteRecord disk;                   // of a boot
  };
  struct State {
    Voter voter;
    Instant now;
    Origin origin;
  };
  Id intern(Voter voter, Instant now, Origin origin);
  Look look(const Voter& voter, Instant now) const;
  bool last_epoch(const Voter& voter) const { return voter.record().epoch.value == setup_.epochs; }
  bool alike(const State& one, const Voter& other, Instant now) const;
  std::vector<Question> all_questions() const;

  Setup setup_;
  std::vector<State> states_;
  std::map<Look, Id> ids_;
  std::size_t meetings_ = 0;
  std::optional<std::string> broken_;
};

// A question of one of the gateways. Its round does not matter to the voter.
Question question(const Setup& setup, QuestionKind kind, unsigned gateway, unsigned epoch,
                  Duration lease);

}  // namespace regent::exhaustive
