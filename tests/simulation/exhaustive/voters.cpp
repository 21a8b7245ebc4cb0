#include "tests/simulation/exhaustive/voters.h"

#include <algorithm>

namespace regent::exhaustive {

Question question(const Setup& setup, QuestionKind kind, unsigned gateway, unsigned epoch,
                  Duration lease) {
  return {kind, Epoch{epoch}, setup.region(gateway), Setup::incarnation(gateway), lease, RoundId{}};
}

Voters::Id Voters::boot(const VoteRecord& disk) {
  const DriftBound drift = setup_.flaw == Flaw::no_drift ? DriftBound{0} : setup_.drift;
  const Instant now{};
  return intern(Voter(NodeId{0}, disk, drift, now), now, {{}, {}, disk});
}

Voters::Id Voters::tick(Id voter) {
  const State state = states_[voter];
  return intern(state.voter, state.now + setup_.node_tick(), {voter, {}, {}});
}

Voters::Decision Voters::decide(Id voter, const Question& question) {
  State state = states_[voter];
  const Voter::Output output = state.voter.decide(question, state.now);
  const Id next = intern(state.voter, state.now, {voter, question, {}});
  return {next, output.answer.verdict, output.persist};
}

Voters::Id Voters::renamed(Id voter, const Renaming& renaming) {
  const Origin origin = states_[voter].origin;
  if (!origin.before) {
    VoteRecord disk = origin.disk;
    disk.region = renaming.region(disk.region);
    return boot(disk);
  }
  const Id before = renamed(*origin.before, renaming);
  if (!origin.question) return tick(before);
  const auto gateway = static_cast<unsigned>(origin.question->incarnation.value - 1);
  Question question = *origin.question;
  question.incarnation = Setup::incarnation(renaming.gateway[gateway]);
  question.region = renaming.region(question.region);
  return decide(before, question).next;
}

Voters::Id Voters::intern(Voter voter, Instant now, Origin origin) {
  const auto [entry, added] = ids_.emplace(look(voter, now), static_cast<Id>(states_.size()));
  if (added) {
    states_.push_back({std::move(voter), now, origin});
    return entry->second;
  }
  ++meetings_;
  if (!broken_ && !alike(states_[entry->second], voter, now)) {
    broken_ = "two voters that look alike answer differently, or a probe is no mere question";
  }
  return entry->second;
}

Voters::Look Voters::look(const Voter& voter, Instant now) const {
  Look look;
  look.record = voter.record();
  Voter probed = voter;
  for (const Question& question : all_questions()) {
    if (question.kind != QuestionKind::probe) continue;
    const bool closed = probed.decide(question, now).answer.verdict == Verdict::closed;
    if (closed) look.closed |= 1U << question.epoch.value;
  }
  look.failed = voter.failed();
  if (last_epoch(voter)) {
    look.record.lease = Duration::zero();
    return look;
  }
  for (unsigned gateway = 0; gateway < setup_.gateway_count(); ++gateway) {
    look.waits[gateway] = voter.wait(Setup::incarnation(gateway), now).count();
  }
  look.waits[kMaxGateways] = voter.wait(Incarnation{}, now).count();
  Voter freed = voter;
  for (unsigned gateway = 0; gateway < setup_.gateway_count(); ++gateway) {
    const auto epoch = static_cast<unsigned>(look.record.epoch.value);
    freed.decide(question(setup_, QuestionKind::release, gateway, epoch, Duration::zero()), now);
  }
  look.waits[kMaxGateways + 1] = freed.wait(Incarnation{}, now).count();
  return look;
}

bool Voters::alike(const State& one, const Voter& other, Instant now) const {
  for (const Question& question : all_questions()) {
    Voter first = one.voter;
    Voter second = other;
    const Voter::Output left = first.decide(question, one.now);
    const Voter::Output right = second.decide(question, now);
    const bool same = left.answer.verdict == right.answer.verdict &&
                      left.answer.epoch == right.answer.epoch &&
                      left.answer.supports == right.answer.supports &&
                      (left.persist == right.persist || last_epoch(first)) &&
                      look(first, one.now) == look(second, now);
    if (!same) return false;
    // A probe tells what an ask would be told, and changes nothing.
    if (question.kind != QuestionKind::probe) continue;
    Question ask = question;
    ask.kind = QuestionKind::ask;
    Voter third = other;
    if (third.decide(ask, now).answer.verdict != right.answer.verdict) return false;
    if (!(look(first, one.now) == look(other, now))) return false;
  }
  const Duration tick = setup_.node_tick();
  return look(one.voter, one.now + tick) == look(other, now + tick);
}

std::vector<Question> Voters::all_questions() const {
  std::vector<Question> out;
  for (unsigned gateway = 0; gateway < setup_.gateway_count(); ++gateway) {
    for (unsigned epoch = 1; epoch <= setup_.epochs; ++epoch) {
      for (const QuestionKind kind :
           {QuestionKind::ask, QuestionKind::probe, QuestionKind::release, QuestionKind::close}) {
        out.push_back(question(setup_, kind, gateway, epoch, setup_.lease()));
        if (kind == QuestionKind::ask) {
          out.push_back(question(setup_, kind, gateway, epoch, setup_.window()));
        }
      }
    }
  }
  return out;
}

}  // namespace regent::exhaustive
