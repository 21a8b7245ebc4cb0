#include "region/simulation/node_process.h"

namespace regent::simulation {
namespace {

constexpr std::size_t kMaxWaiting = 4096;

}  // namespace

NodeProcess::NodeProcess(World& world, NodeId self, Clock clock)
    : Process(world, world.process(self), clock), node_(self) {
  disk_.record.lease = world.topology.timing.lease;
}

// A process that cannot read its record says so and ends; here it stays, and answers nothing.
void NodeProcess::started() {
  busy_ = false;
  world_.checker.node_started(node_);
  world_.trace([&](auto& out) {
    out << world_.name(node_) << " starts, wall clock "
        << wall_now().time_since_epoch().count() / 1000 << ", epoch " << disk_.record.epoch.value
        << " region " << world_.topology.region_name(disk_.record.region)
        << (disk_.corrupt ? ", and cannot read its record" : "");
  });
  if (disk_.corrupt) return;
  voter_.emplace(node_, disk_.record, DriftBound{world_.topology.timing.clock_drift_ppm}, now());
}

// What was written and not yet synced may be there or not.
void NodeProcess::crashed() {
  if (unsynced_ && world_.random.below(2) == 0) disk_.record = *unsynced_;
  if (unsynced_ && world_.chance(world_.mischief.corruption_permille)) disk_.corrupt = true;
  unsynced_.reset();
  voter_.reset();
  waiting_.clear();
}

void NodeProcess::received(ProcessId from, const PeerMessage& message) {
  const auto* round = std::get_if<RoundMessage>(&message);
  if (round == nullptr || !voter_) return;
  if (busy_) {
    if (waiting_.size() < kMaxWaiting) waiting_.push_back({from, round->question});
    return;
  }
  waiting_.push_back({from, round->question});
  work();
}

void NodeProcess::work() {
  while (!busy_ && alive() && !waiting_.empty()) {
    const Waiting next = waiting_.front();
    waiting_.pop_front();
    const Instant decided = now();
    const Voter::Output output = voter_->decide(next.question, decided);
    if (output.persist) {
      write(next, output, decided);
    } else {
      answer(next.from, output.answer, decided);
    }
  }
}

void NodeProcess::write(const Waiting& asked, const Voter::Output& output, Instant decided) {
  busy_ = true;
  if (disk_.full) return disk_failed(asked);
  unsynced_ = *output.persist;
  later(world_.up_to(world_.mischief.disk_delay), [this, asked, output, decided] {
    if (world_.chance(world_.mischief.crash_at_write_permille)) return crash();
    if (world_.chance(world_.mischief.disk_failure_permille)) return disk_failed(asked);
    may_stall([this, asked, output, decided] { synced(asked, output, decided); });
  });
}

void NodeProcess::synced(const Waiting& asked, const Voter::Output& output, Instant decided) {
  disk_.record = *output.persist;
  unsynced_.reset();
  if (world_.chance(world_.mischief.crash_at_write_permille)) return crash();
  may_stall([this, asked, output, decided] {
    busy_ = false;
    answer(asked.from, output.answer, decided);
    work();
  });
}

void NodeProcess::disk_failed(const Waiting& asked) {
  world_.trace([&](auto& out) { out << world_.name(node_) << " cannot write"; });
  voter_->fail();
  busy_ = false;
  answer(asked.from, voter_->decide(asked.question, now()).answer, now());
  work();
}

void NodeProcess::answer(ProcessId from, const Answer& answer, Instant decided) {
  world_.trace([&](auto& out) {
    out << world_.name(node_) << " answers " << show(answer.verdict) << " wait "
        << answer.wait.count() / 1000 << " us to " << show(answer.question, world_.topology);
  });
  if (answer.verdict != Verdict::failed) world_.checker.answered(answer, decided);
  TallyMessage message;
  message.round = answer.question.round;
  message.answers.push_back(
      {answer, simulated_signature(answer), "", "", world_.topology.quorum_hash});
  world_.network->send(self_, from, std::move(message));
}

}  // namespace regent::simulation
