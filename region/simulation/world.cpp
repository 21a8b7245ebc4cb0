#include "region/simulation/world.h"

namespace regent::simulation {

std::string World::name(GatewayId id) const {
  const TopologyGateway& gateway = topology.gateway(id);
  return topology.region_name(gateway.region) + "/" + gateway.name;
}

std::string World::name(NodeId id) const {
  const TopologyNode& node = topology.node(id);
  return topology.region_name(node.region) + "/" + node.name;
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

void Process::start() {
  CHECK(!alive_);
  alive_ = true;
  paused_ = false;
  ++life_;
  started();
}

void Process::crash() {
  if (!alive_) return;
  alive_ = false;
  paused_ = false;
  held_.clear();
  crashed();
}

void Process::resume() {
  if (!alive_ || !paused_) return;
  paused_ = false;
  while (!held_.empty() && alive_ && !paused_) {
    const Schedule::Action work = std::move(held_.front());
    held_.pop_front();
    work();
  }
}

void Process::set_clock_rate(std::int64_t ppm) {
  clock_.set_rate(world_.schedule.now(), ppm);
  if (alive_) run([this] { clock_changed(); });
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

void Process::deliver(ProcessId from, const PeerMessage& message) {
  if (!alive_) return;
  if (paused_) {
    held_.push_back([this, from, message] { received(from, message); });
  } else {
    received(from, message);
  }
}

}  // namespace regent::simulation
