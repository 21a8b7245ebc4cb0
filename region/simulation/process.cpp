#include "region/simulation/process.h"

#include <cstring>

namespace regent::simulation {

RegionId World::region_of(ProcessId process) const {
  const std::size_t gateways = topology.gateways.size();
  return process < gateways ? topology.gateways[process].region
                            : topology.nodes.at(process - gateways).region;
}

std::string World::name(ProcessId process) const {
  const std::size_t gateways = topology.gateways.size();
  const std::string& own = process < gateways ? topology.gateways[process].name
                                              : topology.nodes.at(process - gateways).name;
  return topology.region_name(region_of(process)) + "/" + own;
}

std::string show(const Question& question, const Topology& topology) {
  static constexpr const char* kKinds[] = {"ask", "probe", "release", "close"};
  std::ostringstream text;
  text << kKinds[static_cast<std::size_t>(question.kind)] << " epoch " << question.epoch.value
       << " for " << topology.region_name(question.region) << " lease "
       << question.lease.count() / 1000 << " us by " << std::hex
       << (question.incarnation.value & 0xffff) << " round " << (question.round.value & 0xffff);
  return text.str();
}

const char* show(Verdict verdict) {
  static constexpr const char* kVerdicts[] = {"granted",  "stale",    "voted", "closed",
                                              "promised", "topology", "failed"};
  return kVerdicts[static_cast<std::size_t>(verdict)];
}

std::string simulated_signature(const Answer& answer) {
  const Question& question = answer.question;
  const std::uint64_t fields[] = {answer.node.value,
                                  static_cast<std::uint64_t>(question.kind),
                                  question.epoch.value,
                                  question.region.value,
                                  question.incarnation.value,
                                  static_cast<std::uint64_t>(question.lease.count()),
                                  question.round.value,
                                  static_cast<std::uint64_t>(answer.verdict),
                                  answer.epoch.value,
                                  answer.supports.value,
                                  static_cast<std::uint64_t>(answer.wait.count())};
  std::uint64_t sum = 0;
  for (const std::uint64_t field : fields)
    sum = (sum ^ field) * 0x9e3779b97f4a7c15ULL + (sum >> 29);
  std::string text(sizeof sum, '\0');
  std::memcpy(text.data(), &sum, sizeof sum);
  return text;
}

void Process::start() {
  CHECK(!alive_);
  alive_ = true;
  paused_ = false;
  stalled_ = false;
  ++life_;
  started();
}

void Process::crash() {
  if (!alive_) return;
  alive_ = false;
  paused_ = false;
  held_.clear();
  world_.trace([&](auto& out) { out << world_.name(self_) << " crashes"; });
  crashed();
}

void Process::pause() {
  paused_ = true;
  stalled_ = false;
}

void Process::resume() {
  if (!alive_ || !paused_) return;
  paused_ = false;
  stalled_ = false;
  while (!held_.empty() && alive_ && !paused_) {
    const Schedule::Action work = std::move(held_.front());
    held_.pop_front();
    work();
  }
}

// Before anything that came meanwhile: it was in the middle of this.
void Process::stall(Schedule::Action rest) {
  const Duration lasting = world_.up_to(world_.mischief.stall);
  world_.trace([&](auto& out) {
    out << world_.name(self_) << " stalls for " << lasting.count() / 1000 << " us";
  });
  held_.push_front(std::move(rest));
  paused_ = true;
  stalled_ = true;
  world_.schedule.after(lasting, [this, life = life_] {
    if (life == life_ && stalled_) resume();
  });
}

void Process::set_clock_rate(std::int64_t ppm) {
  clock_.set_rate(world_.schedule.now(), ppm);
  if (!alive_) return;
  rate_changed();
  run([this] { clock_changed(); });
}

void Process::run(Schedule::Action work) {
  if (paused_) {
    held_.push_back(std::move(work));
  } else {
    work();
  }
}

void Process::later(Duration delay, Schedule::Action work) {
  world_.schedule.after(delay, [this, life = life_, work = std::move(work)] {
    if (alive_ && life == life_) run(work);
  });
}

void Process::due(std::uint32_t, std::uint32_t life) {
  if (!alive_ || life != life_) return;
  if (paused_) {
    held_.push_back([this] { woken(); });
  } else {
    woken();
  }
}

void Process::deliver(ProcessId from, const PeerMessage& message) {
  if (!alive_) return;
  if (paused_) {
    held_.push_back([this, from, message] { received(from, message); });
  } else {
    received(from, message);
  }
}

}  // namespace regent::simulation
