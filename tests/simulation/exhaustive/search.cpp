#include "tests/simulation/exhaustive/search.h"

#include <algorithm>

#include "quorum/check.h"

namespace regent::exhaustive {
namespace {

constexpr std::uint32_t kNone = 0xffffffff;

std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

std::uint64_t hash_of(const Cluster& cluster) {
  const auto words = cluster.words();
  return mixed(mixed(words[0] + 0x9e3779b97f4a7c15ULL) + words[1]);
}

}  // namespace

std::size_t Search::place(const Cluster& cluster, std::uint64_t hash) const {
  std::size_t at = hash & (table_.size() - 1);
  while (table_[at] != kNone && states_[table_[at]] != cluster) at = (at + 1) & (table_.size() - 1);
  return at;
}

void Search::grow_table() {
  table_.assign(std::max<std::size_t>(1U << 16, table_.size() * 2), kNone);
  for (Index index = 0; index < states_.size(); ++index) {
    table_[place(states_[index], hash_of(states_[index]))] = index;
  }
}

void Search::add(const Cluster& cluster, std::uint64_t hash, Index parent) {
  if (2 * states_.size() >= table_.size()) grow_table();
  const std::size_t at = place(cluster, hash);
  if (table_[at] != kNone) return;
  CHECK(states_.size() < kNone);
  table_[at] = static_cast<Index>(states_.size());
  states_.push_back(cluster);
  parents_.push_back(parent);
  count(cluster);
}

void Search::count(const Cluster& cluster) {
  const unsigned holders = model_.holders(cluster);
  unsigned highest = 0;
  for (unsigned gateway = 0; gateway < kMaxGateways; ++gateway) {
    if ((holders >> gateway & 1) == 0) continue;
    highest = std::max(highest, Model::epoch(cluster, gateway));
  }
  ++report_.states;
  report_.held += holders != 0;
  report_.shared += (holders & (holders - 1)) != 0;
  if (report_.held_in.size() <= highest) report_.held_in.resize(highest + 1);
  ++report_.held_in[highest];
}

// Tries every step from a state; false when one breaks a rule. What the table holds for all of them
// is fetched before any is looked up: waiting for memory is most of the work.
bool Search::expand(Index from) {
  model_.steps(states_[from], steps_);
  hashes_.clear();
  for (Step& step : steps_) {
    report_.violation = model_.judge(step.next);
    if (report_.violation) return false;
    step.next = model_.canonical(step.next);
    hashes_.push_back(hash_of(step.next));
    __builtin_prefetch(&table_[hashes_.back() & (table_.size() - 1)]);
  }
  for (const std::uint64_t hash : hashes_) {
    const Index index = table_[hash & (table_.size() - 1)];
    if (index != kNone) __builtin_prefetch(&states_[index]);
  }
  for (std::size_t i = 0; i < steps_.size(); ++i) add(steps_[i].next, hashes_[i], from);
  report_.steps += steps_.size();
  return true;
}

Search::Report Search::run() {
  const Cluster start = model_.canonical(model_.initial());
  add(start, hash_of(start), kNone);
  Index level_end = 1;
  for (Index from = 0; from < states_.size(); ++from) {
    if (from == level_end) {
      ++report_.depth;
      level_end = static_cast<Index>(states_.size());
    }
    if (states_.size() > max_states_) return report_;
    if (!expand(from)) {
      tell_history(from);
      return report_;
    }
    if (model_.nodes().voters().broken()) {
      report_.violation = model_.nodes().voters().broken();
      return report_;
    }
  }
  report_.finished = true;
  return report_;
}

// States are kept under names that change from one to the next. A history for people keeps the
// names: from the start, take each time the step that leads to the next state under some names.
void Search::tell_history(Index from) {
  std::vector<Cluster> path;
  for (Index at = from; at != kNone; at = parents_[at]) path.push_back(states_[at]);
  std::reverse(path.begin(), path.end());
  Cluster cluster = model_.initial();
  for (std::size_t i = 1; i <= path.size(); ++i) {
    model_.steps(cluster, steps_);
    const auto step = std::find_if(steps_.begin(), steps_.end(), [&](Step& each) {
      const bool broken = model_.judge(each.next).has_value();
      return i == path.size() ? broken : !broken && model_.canonical(each.next) == path[i];
    });
    CHECK(step != steps_.end());
    cluster = step->next;
    report_.history.push_back(model_.describe(*step) + "\n      " + model_.describe(cluster));
  }
}

}  // namespace regent::exhaustive
