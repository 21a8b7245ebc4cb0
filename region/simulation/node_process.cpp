#include "region/simulation/node_process.h"

namespace regent::simulation {
namespace {

constexpr std::size_t kMaxWaiting = 4096;

}  // namespace

NodeProcess::NodeProcess(World& world, NodeId self, Clock clock)
    : Process(world, clock), self_(self) {
  disk_.lease = world.topology.timing.lease;
}

void NodeProcess::started() {
  busy_ = false;
  voter_.emplace(self_, disk_, DriftBound{world_.topology.timing.clock_drift_ppm}, now());
  world_.trace.add(world_.name(self_), " starts, epoch ", disk_.epoch.value, " region ",
                   world_.topology.region_name(disk_.region));
}

void NodeProcess::crashed() {
  voter_.reset();
  waiting_.clear();
  world_.trace.add(world_.name(self_), " crashes");
}

void NodeProcess::received(ProcessId from, const PeerMessage& message) {
  const auto* round = std::get_if<RoundMessage>(&message);
  if (round == nullptr || waiting_.size() >= kMaxWaiting) return;
  waiting_.push_back({from, *round});
  work();
}

void NodeProcess::work() {
  while (!busy_ && alive() && !waiting_.empty()) {
    const Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    const Voter::Output output = voter_->decide(next.round.question, now());
    if (output.persist) {
      write(next.from, next.round, output);
    } else {
      answer(next.from, output.answer);
    }
  }
}

void NodeProcess::write(ProcessId from, const RoundMessage& round, const Voter::Output& output) {
  const auto chance = [this](std::uint32_t permille) {
    return world_.random.below(1000) < permille;
  };
  busy_ = true;
  const Duration delay(
      world_.random.below(static_cast<std::uint64_t>(world_.mischief.disk_delay.count())));
  const bool crash_before = chance(world_.mischief.crash_at_write_permille);
  const bool crash_after = chance(world_.mischief.crash_at_write_permille);
  const bool fails = chance(world_.mischief.disk_failure_permille);
  later(delay, [this, from, round, output, crash_before, crash_after, fails] {
    if (crash_before) return crash();
    if (fails) {
      world_.trace.add(world_.name(self_), " cannot write");
      voter_->fail();
      busy_ = false;
      answer(from, voter_->decide(round.question, now()).answer);
      return work();
    }
    disk_ = *output.persist;
    if (crash_after) return crash();
    later(Duration(world_.random.below(1000)), [this, from, output] {
      busy_ = false;
      answer(from, output.answer);
      work();
    });
  });
}

void NodeProcess::answer(ProcessId from, const Answer& answer) {
  world_.trace.add(world_.name(self_), " answers ", show(answer.verdict), " wait ",
                   answer.wait.count() / 1000, " us to ", show(answer.question, world_.topology));
  if (answer.verdict != Verdict::failed) world_.checker.answered(answer);
  TallyMessage message;
  message.round = answer.question.round;
  message.answers.push_back({answer, "", "", "", world_.topology.hash});
  world_.send(world_.process(self_), from, message);
}

}  // namespace regent::simulation
