#include "quorum/election.h"

#include <algorithm>

namespace regent {

namespace {

// Rounds kept open at once; answers to older ones are of no use any more.
constexpr std::size_t kMaxOpenRounds = 12;

Instant later(Instant instant, Duration span) {
  return instant == kNever ? kNever : instant + span;
}

}  // namespace

Election::Election(const ElectionConfig& config, const QuorumTree& tree, std::uint64_t seed,
                   Instant now)
    : config_(config),
      tree_(tree),
      random_(seed),
      role_(Follower{now}),
      nodes_(tree.node_limit()),
      freed_(tree) {
  CHECK(config.incarnation != Incarnation{});
  CHECK(config.lease > Duration::zero() && config.election_window > Duration::zero());
  CHECK(config.election_window <= config.lease);
}

void Election::set_standing(bool eligible, unsigned rank, Instant now) {
  if (eligible == eligible_ && rank == rank_) return;
  if (eligible && !eligible_ && free_since_ < now) {
    // A turn that passed while this region could not stand is over: wait for a new one, as the
    // other regions do that became eligible just now.
    free_since_ = now;
    turn_jitter_ = draw_jitter();
  }
  eligible_ = eligible;
  rank_ = rank;
  if (eligible && std::holds_alternative<Follower>(role_)) schedule_probe(now);
}

Election::Output Election::tick(Instant now) {
  Output output;
  std::erase_if(rounds_, [&](const Round& round) { return round.until <= now; });
  if (auto* follower = std::get_if<Follower>(&role_)) {
    if (now >= follower->look_at) {
      follower->look_at = kNever;
      watch_promises(now);
      schedule_probe(now);
    }
    if (now >= follower->probe_at) send_probe(now, output);
  } else if (auto* candidate = std::get_if<Candidate>(&role_)) {
    if (now >= candidate->give_up) step_down(now, output);
  } else if (auto* holder = std::get_if<Holder>(&role_)) {
    if (now >= holder->lease_end) {
      lapse(holder->epoch, now, output);
    } else if (now >= holder->renew_at) {
      holder->renew_at = now + config_.renew_every();
      open_round(QuestionKind::ask, holder->epoch, config_.lease, now, output);
    }
  } else if (auto* releasing = std::get_if<Releasing>(&role_)) {
    if (now >= releasing->give_up) {
      output.hand_over = {releasing->epoch, releasing->successor};
      become_follower(now, config_.probe_every(), output);
    }
  }
  return output;
}

Election::Output Election::check(Instant now) {
  // Many links may change at once: one round a stagger tells as much.
  const Instant soon = last_round_ ? std::max(now, *last_round_ + config_.stagger()) : now;
  if (auto* follower = std::get_if<Follower>(&role_)) {
    follower->probe_at = std::min(follower->probe_at, soon);
  }
  if (auto* holder = std::get_if<Holder>(&role_))
    holder->renew_at = std::min(holder->renew_at, soon);
  return tick(now);
}

Election::Output Election::answers(std::span<const Answer> answers, Instant now) {
  Output output;
  for (const Answer& answer : answers) {
    saw_epoch(answer.epoch, answer.supports, output);
    const auto round = std::find_if(rounds_.begin(), rounds_.end(), [&](const Round& open) {
      return open.question == answer.question && now < open.until;
    });
    if (round == rounds_.end()) continue;
    observe(answer, now);
    const bool granted = answer.verdict == Verdict::granted;
    round->refused |= !granted;
    round->ballot.set(answer.node, granted ? Vote::granted : Vote::refused);
  }
  // Learning of a higher epoch ends a reign or a candidacy before its rounds are looked at.
  const bool office = !std::holds_alternative<Follower>(role_);
  const auto* holder = std::get_if<Holder>(&role_);
  const auto* candidate = std::get_if<Candidate>(&role_);
  if (office && ((holder != nullptr && holder->epoch < highest_) ||
                 (candidate != nullptr && candidate->epoch < highest_))) {
    step_down(now, output);
    return output;
  }
  for (std::size_t i = 0; i < rounds_.size(); ++i) {
    if (rounds_[i].settled) continue;
    if (rounds_[i].ballot.outcome() == Outcome::pending) {
      still_pending(rounds_[i], now);
      continue;
    }
    rounds_[i].settled = true;
    const Round round = rounds_[i];  // what follows may open or drop rounds
    settle(round, now, output);
  }
  return output;
}

void Election::settle(const Round& round, Instant now, Output& output) {
  const bool won = round.ballot.outcome() == Outcome::won;
  switch (round.question.kind) {
    case QuestionKind::probe:
      if (!std::holds_alternative<Follower>(role_)) return;
      won ? probe_won(round, now, output) : probe_lost(round, now);
      return;
    case QuestionKind::ask:
      if (won) {
        ask_won(round, now, output);
      } else if (std::holds_alternative<Candidate>(role_)) {
        step_down(now, output);
      }
      return;
    case QuestionKind::release:
      return;
    case QuestionKind::close:
      if (const auto* releasing = std::get_if<Releasing>(&role_)) {
        output.hand_over = {releasing->epoch, releasing->successor};
        become_follower(now, config_.probe_every(), output);
      }
      return;
  }
}

// Some have answered, and those that have not may never do: the rest of the cluster must not wait
// for them. Looking at all nodes costs more than an answer, so that is done once for many.
void Election::still_pending(const Round& round, Instant now) {
  if (round.question.kind == QuestionKind::probe && std::holds_alternative<Follower>(role_)) {
    if (round.question.epoch <= highest_) return;  // to join, or overtaken
    auto& follower = std::get<Follower>(role_);
    follower.look_at = std::min(follower.look_at, now + config_.jitter() / 2);
  } else if (auto* candidate = std::get_if<Candidate>(&role_)) {
    if (!round.refused) return;
    const Instant patience = std::max(now, candidate->answers_due) + config_.stagger();
    candidate->give_up = std::min(candidate->give_up, patience);
  }
}

void Election::observe(const Answer& answer, Instant now) {
  if (answer.node.value >= nodes_.size()) return;
  if (answer.verdict == Verdict::failed || answer.verdict == Verdict::topology) return;
  nodes_[answer.node.value] = {now, answer.epoch, answer.supports, now + answer.wait};
}

void Election::saw_epoch(Epoch epoch, RegionId supporter, Output& output) {
  if (epoch > kMaxEpoch) return;
  if (epoch > highest_) {
    highest_ = epoch;
    supporter_ = supporter;
    output.changed = true;
  } else if (epoch == highest_ && (supporter_ == kNoRegion || supporter == config_.region)) {
    supporter_ = supporter;
  }
}

// --- follower: probing, and waiting for its turn

bool Election::joining() const {
  return supporter_ == config_.region && highest_ > released_ && highest_ > not_joinable_;
}

bool Election::may_stand(Instant now) const {
  return eligible_ && now >= not_before_ && now >= heard_.until;
}

void Election::send_probe(Instant now, Output& output) {
  auto& follower = std::get<Follower>(role_);
  follower.probe_at = now + config_.probe_every();
  // Some refuse to let us join, and those whose word would decide it are silent, perhaps for good.
  const bool in_vain = std::any_of(rounds_.begin(), rounds_.end(), [&](const Round& round) {
    return round.question.kind == QuestionKind::probe && round.question.epoch == highest_ &&
           round.to_join && round.refused && !round.settled &&
           now - round.sent >= std::min(config_.election_window, config_.probe_every());
  });
  if (in_vain) not_joinable_ = highest_;
  const bool to_join = joining();
  const Epoch epoch = to_join ? highest_ : Epoch{highest_.value + 1};
  open_round(QuestionKind::probe, epoch, config_.election_window, now, output);
  rounds_.back().to_join = to_join;
}

void Election::probe_won(const Round& round, Instant now, Output& output) {
  const Epoch epoch = round.question.epoch;
  const Duration round_trip = now - round.sent;
  if (joining()) {
    if (epoch == highest_ && eligible_) become_candidate(epoch, round_trip, now, output);
    return;
  }
  if (epoch.value != highest_.value + 1) {  // learned of a higher one meanwhile: probe that
    send_probe(now, output);
    return;
  }
  free_since_ = std::min(free_since_, now);
  if (may_stand(now) && now >= turn_at()) {
    become_candidate(epoch, round_trip, now, output);
  } else {
    schedule_probe(now);
  }
}

void Election::probe_lost(const Round& round, Instant now) {
  const Epoch epoch = round.question.epoch;
  const bool was_joining = joining() && epoch == highest_;
  if (was_joining) not_joinable_ = epoch;
  if (was_joining || epoch.value <= highest_.value) {
    std::get<Follower>(role_).probe_at = now;  // the question has changed: put the new one at once
    return;
  }
  watch_promises(now);
  schedule_probe(now);
}

// Moves the turn to when enough promises run out, if that is still to come.
void Election::watch_promises(Instant now) {
  const Instant free_at = quorum_free_at(now);
  if (free_at <= now) return;
  const bool moved =
      free_at != kNever &&
      (free_since_ == kNever || std::chrono::abs(free_at - free_since_) > config_.jitter());
  free_since_ = free_at;
  if (moved) turn_jitter_ = draw_jitter();
}

Instant Election::quorum_free_at(Instant now) const {
  free_.clear();
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    if (reachable(NodeId{i}, now)) free_.emplace_back(nodes_[i].free_at, NodeId{i});
  }
  std::sort(free_.begin(), free_.end());
  freed_.reset();
  for (const auto& [instant, node] : free_) {
    freed_.set(node, Vote::granted);
    if (freed_.outcome() == Outcome::won) return instant;
  }
  return kNever;
}

Instant Election::turn_at() const {
  return std::max(later(free_since_, config_.stagger() * rank_ + turn_jitter_), not_before_);
}

void Election::schedule_probe(Instant now) {
  auto& follower = std::get<Follower>(role_);
  follower.probe_at = std::min(follower.probe_at, now + config_.probe_every());
  if (!eligible_) return;
  // Just refused although its turn has come: others are at it, so come back at an odd moment.
  const Duration pause =
      config_.jitter() +
      Duration(random_.below(static_cast<std::uint64_t>(config_.stagger().count())));
  const Instant turn = std::max(turn_at(), heard_.until);
  follower.probe_at = std::min(follower.probe_at, turn > now ? turn : now + pause);
}

Duration Election::draw_jitter() {
  return Duration(random_.below(static_cast<std::uint64_t>(config_.jitter().count())));
}

// --- candidate and holder

void Election::ask_won(const Round& round, Instant now, Output& output) {
  const Instant end = round.sent + round.question.lease;
  if (auto* holder = std::get_if<Holder>(&role_)) {
    if (end > holder->lease_end) {
      holder->lease_end = end;
      output.changed = true;
    }
    return;
  }
  if (!std::holds_alternative<Candidate>(role_)) return;
  if (end <= now) {  // the answers took longer than the window
    step_down(now, output);
    return;
  }
  role_ = Holder{round.question.epoch, end, now + config_.renew_every()};
  output.changed = true;
  open_round(QuestionKind::ask, round.question.epoch, config_.lease, now, output);
}

// The lease ran out. When the answers to the last renewal may still be on their way, as in a new
// reign over long distances, they bring it back; otherwise begin anew.
void Election::lapse(Epoch epoch, Instant now, Output& output) {
  std::erase_if(rounds_, [&](const Round& round) {
    return round.question.kind != QuestionKind::ask || round.settled;
  });
  const Instant give_up = rounds_.empty() ? now : rounds_.back().sent + config_.election_window;
  if (give_up <= now) {
    become_follower(now, Duration::zero(), output);
    send_probe(now, output);
    return;
  }
  role_ = Candidate{epoch, give_up, true, Duration::zero(), give_up};
  output.changed = true;
}

void Election::become_follower(Instant now, Duration pause, Output& output) {
  rounds_.clear();
  role_ = Follower{now + pause};
  free_since_ = kNever;
  output.changed = true;
}

void Election::become_candidate(Epoch epoch, Duration round_trip, Instant now, Output& output) {
  CHECK(epoch > released_);
  rounds_.clear();
  role_ = Candidate{epoch, now + config_.election_window, epoch == highest_, round_trip,
                    now + round_trip};
  highest_ = std::max(highest_, epoch);
  supporter_ = config_.region;
  output.changed = true;
  open_round(QuestionKind::ask, epoch, config_.election_window, now, output);
}

void Election::step_down(Instant now, Output& output) {
  const auto* candidate = std::get_if<Candidate>(&role_);
  // Who joins, or has served, may come back to this epoch, and frees nothing.
  const bool gives_up = candidate != nullptr && !candidate->joins;
  const Epoch lost_candidacy = gives_up ? candidate->epoch : Epoch{};
  // Two that lost to each other draw from a span in which one's ask can reach the other in time.
  const Duration round_trip = candidate != nullptr ? candidate->round_trip : Duration::zero();
  const Duration span = std::max(config_.stagger(), 2 * round_trip);
  const Duration pause = config_.jitter() + config_.stagger() * rank_ +
                         Duration(random_.below(static_cast<std::uint64_t>(span.count())));
  become_follower(now, pause, output);
  // A candidate serves nobody and may free its votes. A holder may still have writes on their way
  // to a backend: its promises must run out by themselves.
  if (lost_candidacy != Epoch{}) send_release(lost_candidacy, now, output);
}

void Election::send_release(Epoch epoch, Instant now, Output& output) {
  released_ = std::max(released_, epoch);
  open_round(QuestionKind::release, epoch, Duration::zero(), now, output);
}

// --- other gateways

Election::Output Election::heard_view(const PrimaryView& view, Instant now) {
  Output output;
  if (view.epoch <= given_back_ && now < given_back_until_) return output;  // said before it knew
  saw_epoch(view.epoch, view.primary, output);
  if (view.epoch == highest_ && view.primary == config_.region && highest_ == not_joinable_ &&
      view.until > now) {
    not_joinable_ = Epoch{highest_.value - 1};  // a sibling serves in it: worth another try
  }
  const auto* holder = std::get_if<Holder>(&role_);
  const auto* candidate = std::get_if<Candidate>(&role_);
  if ((holder != nullptr && holder->epoch < highest_) ||
      (candidate != nullptr && candidate->epoch < highest_)) {
    step_down(now, output);
  }
  const bool newer = view.epoch > heard_.epoch;
  if (newer || (view.epoch == heard_.epoch && view.until > heard_.until)) {
    heard_ = view;
    output.changed = true;
  }
  auto* follower = std::get_if<Follower>(&role_);
  if (follower != nullptr && newer && view.primary == config_.region && joining()) {
    follower->probe_at = now;
  }
  return output;
}

Election::Output Election::release(RegionId successor, Instant now) {
  Output output;
  const auto* holder = std::get_if<Holder>(&role_);
  if (holder == nullptr || now >= holder->lease_end) return output;
  const Epoch epoch = holder->epoch;
  rounds_.clear();
  role_ = Releasing{epoch, successor, now + config_.election_window};
  released_ = std::max(released_, epoch);
  not_before_ = now + config_.lease;
  output.changed = true;
  open_round(QuestionKind::close, epoch, Duration::zero(), now, output);
  return output;
}

Election::Output Election::resign(Instant now) {
  Output output;
  Epoch epoch;
  if (const auto* holder = std::get_if<Holder>(&role_)) epoch = holder->epoch;
  if (const auto* candidate = std::get_if<Candidate>(&role_)) epoch = candidate->epoch;
  if (epoch == Epoch{}) return output;
  become_follower(now, config_.probe_every(), output);
  send_release(epoch, now, output);
  return output;
}

Election::Output Election::handed_over(Epoch epoch, RegionId successor, Instant now) {
  Output output;
  saw_epoch(epoch, kNoRegion, output);
  if (epoch > highest_) return output;  // no epoch that was ever counted to
  not_joinable_ = std::max(not_joinable_, epoch);
  given_back_ = std::max(given_back_, epoch);
  given_back_until_ = now + config_.lease;
  if (heard_.epoch <= epoch) heard_.until = Instant::min();
  output.changed = true;
  if (epoch < highest_ || !std::holds_alternative<Follower>(role_)) return output;
  if (successor != config_.region) {
    not_before_ = std::max(not_before_, now + config_.lease);
  } else if (eligible_) {
    become_candidate(Epoch{highest_.value + 1}, Duration::zero(), now, output);
  }
  return output;
}

// --- what the others may know

Instant Election::next_deadline() const {
  if (const auto* follower = std::get_if<Follower>(&role_))
    return std::min(follower->probe_at, follower->look_at);
  if (const auto* candidate = std::get_if<Candidate>(&role_)) return candidate->give_up;
  if (const auto* holder = std::get_if<Holder>(&role_)) {
    return std::min(holder->renew_at, holder->lease_end);
  }
  return std::get<Releasing>(role_).give_up;
}

Election::Role Election::role() const {
  return static_cast<Role>(role_.index());
}

Instant Election::lease_end() const {
  const auto* holder = std::get_if<Holder>(&role_);
  return holder != nullptr ? holder->lease_end : Instant::min();
}

PrimaryView Election::view() const {
  if (const auto* holder = std::get_if<Holder>(&role_)) {
    return {holder->epoch, config_.region, holder->lease_end};
  }
  return heard_;
}

bool Election::reachable(NodeId node, Instant now) const {
  const NodeView& view = nodes_.at(node.value);
  return view.heard && now - *view.heard < config_.fresh_for();
}

bool Election::quorum_reachable(Instant now) const {
  Ballot ballot(tree_);
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    if (reachable(NodeId{i}, now)) ballot.set(NodeId{i}, Vote::granted);
  }
  return ballot.outcome() == Outcome::won;
}

void Election::open_round(QuestionKind kind, Epoch epoch, Duration lease, Instant now,
                          Output& output) {
  last_round_ = now;
  if (rounds_.size() == kMaxOpenRounds) rounds_.erase(rounds_.begin());
  const Question question{
      kind, epoch, config_.region, config_.incarnation, lease, RoundId{random_.next()}};
  rounds_.push_back({question, now, now + config_.lease, Ballot(tree_)});
  output.questions.push_back(question);
}

}  // namespace regent
