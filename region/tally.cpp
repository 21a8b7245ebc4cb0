#include "region/tally.h"

#include <algorithm>
#include <utility>

#include "topology/electorate.h"

namespace regent {

namespace {

// Share of a heartbeat that answers of a region wait for each other.
constexpr int kWaitsPerHeartbeat = 10;

}  // namespace

Tally::Tally(const QuorumTree& tree, bool decides, Instant started, Duration wait)
    : ballot_(tree),
      answered_(tree),
      nodes_(tree.leaf_count()),
      decides_(decides),
      deadline_(started + wait) {}

void Tally::add(SignedAnswer answer) {
  const NodeId node = answer.answer.node;
  if (answered_.vote(node) != Vote::pending) return;
  const bool granted = answer.answer.verdict == Verdict::granted;
  answered_.set(node, Vote::granted);
  ballot_.set(node, granted ? Vote::granted : Vote::refused);
  ++answers_;
  untold_.push_back(std::move(answer));
}

std::vector<SignedAnswer> Tally::take(Instant now) {
  if (untold_.empty() || !due(now)) return {};
  told_ = true;
  return std::exchange(untold_, {});
}

bool Tally::due(Instant now) const {
  if (answers_ >= nodes_ || now >= deadline_) return true;
  return decides_ && !told_ && ballot_.outcome() != Outcome::pending;
}

Instant Tally::next_deadline() const {
  return untold_.empty() ? kNever : deadline_;
}

Tallies::Tallies(const Topology& topology, RegionId region)
    : topology_(topology), region_(region), tree_(own_tree(topology, region)) {}

Tallies::Open* Tallies::find(RoundId round) {
  // Mostly one of the newest.
  const auto found = std::find_if(open_.rbegin(), open_.rend(),
                                  [&](const Open& open) { return open.round == round; });
  return found == open_.rend() ? nullptr : &*found;
}

void Tallies::forget_oldest() {
  std::erase(untold_, &open_.front());
  open_.pop_front();
}

bool Tallies::open(RoundId round, std::uint64_t asker, Instant now) {
  if (find(round) != nullptr) return false;
  if (open_.size() >= kMaxRounds) forget_oldest();
  const bool decides = topology_.kind == QuorumKind::hierarchical;
  const Duration wait = topology_.timing.heartbeat / kWaitsPerHeartbeat;
  open_.push_back({round, asker, now, Tally(tree_, decides, now, wait)});
  return true;
}

void Tallies::add(const TallyMessage& message) {
  Open* const open = find(message.round);
  if (open == nullptr) return;
  for (const SignedAnswer& answer : message.answers) {
    const NodeId node = answer.answer.node;
    if (node.value >= topology_.nodes.size() || topology_.node(node).region != region_) continue;
    if (answer.answer.question.round != message.round) continue;
    const bool had_untold = open->tally.has_untold();
    open->tally.add(answer);
    if (!had_untold && open->tally.has_untold()) untold_.push_back(open);
  }
}

std::vector<Tallies::Due> Tallies::take(Instant now) {
  std::vector<Due> due;
  std::erase_if(untold_, [&](Open* open) {
    auto answers = open->tally.take(now);
    if (!answers.empty()) due.push_back({open->asker, {open->round, std::move(answers)}});
    return !open->tally.has_untold();
  });
  while (!open_.empty() && now - open_.front().started > topology_.timing.lease) forget_oldest();
  return due;
}

Instant Tallies::next_deadline() const {
  Instant next = kNever;
  for (const Open* open : untold_) next = std::min(next, open->tally.next_deadline());
  return next;
}

}  // namespace regent
