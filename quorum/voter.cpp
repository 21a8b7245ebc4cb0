#include "quorum/voter.h"

#include <algorithm>

namespace regent {

Voter::Voter(NodeId self, VoteRecord stored, DriftBound drift, Instant started)
    : self_(self),
      record_(stored),
      drift_(drift),
      unknown_until_(started + promise_span(stored.lease, drift)) {}

Voter::Output Voter::decide(const Question& question, Instant now) {
  Output output;
  output.answer.node = self_;
  output.answer.question = question;
  output.answer.verdict = Verdict::failed;
  if (failed_) return output;  // memory may hold what the disk does not: it is not told
  output.answer.verdict = judge(question, now);
  if (output.answer.verdict == Verdict::granted) {
    switch (question.kind) {
      case QuestionKind::ask:
        grant(question, now, output.persist);
        break;
      case QuestionKind::probe:
        break;
      case QuestionKind::release:
      case QuestionKind::close:
        release(question);
        break;
    }
  }
  output.answer.epoch = record_.epoch;
  output.answer.supports = record_.region;
  output.answer.wait = wait(question.incarnation, now);
  return output;
}

Duration Voter::wait(Incarnation asking, Instant now) const {
  Instant latest = unknown_until_;
  for (const auto& [incarnation, until] : promises_) {
    if (incarnation != asking) latest = std::max(latest, until);
  }
  return latest > now ? latest - now : Duration::zero();
}

Verdict Voter::judge(const Question& question, Instant now) const {
  if (question.epoch < record_.epoch || question.epoch == Epoch{} || question.epoch > kMaxEpoch) {
    return Verdict::stale;
  }
  const bool giving_back =
      question.kind == QuestionKind::release || question.kind == QuestionKind::close;
  if (question.epoch == record_.epoch && question.region != record_.region) return Verdict::voted;
  if (giving_back) return Verdict::granted;
  if (question.epoch == closed_) return Verdict::closed;
  if (question.epoch == record_.epoch) return Verdict::granted;
  return wait(question.incarnation, now) > Duration::zero() ? Verdict::promised : Verdict::granted;
}

void Voter::grant(const Question& question, Instant now, std::optional<VoteRecord>& persist) {
  if (question.epoch > record_.epoch) {
    record_ = {question.epoch, question.region, question.lease};
    persist = record_;
    promises_.clear();  // only the asking incarnation's own could still run
  } else if (question.lease > record_.lease) {
    record_.lease = question.lease;
    persist = record_;
  }
  promise(question.incarnation, now + promise_span(question.lease, drift_), now);
}

void Voter::release(const Question& question) {
  // What was asked before may come later than this, and must not bind the node any more.
  if (question.kind == QuestionKind::close) closed_ = std::max(closed_, question.epoch);
  if (question.epoch != record_.epoch) return;
  std::erase_if(promises_, [&](const auto& entry) { return entry.first == question.incarnation; });
}

void Voter::promise(Incarnation incarnation, Instant until, Instant now) {
  for (auto& [known, known_until] : promises_) {
    if (known != incarnation) continue;
    known_until = std::max(known_until, until);
    return;
  }
  std::erase_if(promises_, [&](const auto& entry) { return entry.second <= now; });
  if (promises_.size() == kMaxPromises) {
    auto oldest =
        std::min_element(promises_.begin(), promises_.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    unknown_until_ = std::max(unknown_until_, oldest->second);
    promises_.erase(oldest);
  }
  promises_.emplace_back(incarnation, until);
}

}  // namespace regent
