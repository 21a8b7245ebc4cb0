#include "topology/smallest_sets.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace regent {
namespace {

using Count = std::optional<std::uint64_t>;

Count plus(Count a, Count b) {
  std::uint64_t out = 0;
  if (!a || !b || __builtin_add_overflow(*a, *b, &out)) return std::nullopt;
  return out;
}

Count times(Count a, Count b) {
  std::uint64_t out = 0;
  if (!a || !b || __builtin_mul_overflow(*a, *b, &out)) return std::nullopt;
  return out;
}

struct Plan;

// A child that can be taken, for its cost.
struct Item {
  std::uint64_t weight = 0;
  std::size_t cost = 0;
  const Plan* plan = nullptr;
};

// The heaviest that items from one on can weigh together, by cost.
class Heaviest {
 public:
  Heaviest() = default;
  // `items` by falling weight. The table ends at the first cost that reaches `need`.
  Heaviest(const std::vector<Item>& items, std::uint64_t need) : count_(items.size()) {
    uniform_ = std::all_of(items.begin(), items.end(),
                           [&](const Item& item) { return item.cost == items[0].cost; });
    std::size_t most = 0;
    for (const Item& item : items) most += item.cost;
    if (uniform_) {
      unit_ = items.empty() ? 1 : items[0].cost;
      prefix_.push_back(0);
      for (const Item& item : items) prefix_.push_back(prefix_.back() + item.weight);
    } else {
      // The least cost is found in one row, so that the table need not be wider than that.
      most = cost_in_one_row(items, need, most);
      width_ = most + 1;
      table_.assign((count_ + 1) * width_, 0);
      for (std::size_t i = count_; i-- > 0;) add_row(items[i], i);
    }
    cost_ = 0;
    while (cost_ <= most && from(0, cost_) < need) ++cost_;
    reached_ = cost_ <= most;
  }

  bool reached() const { return reached_; }
  std::size_t cost() const { return cost_; }  // least that reaches `need`
  // Items first, first + 1, … for at most `cost`.
  std::uint64_t from(std::size_t first, std::size_t cost) const {
    if (!uniform_) return table_[first * width_ + std::min(cost, width_ - 1)];
    return prefix_[std::min(count_, first + cost / unit_)] - prefix_[first];
  }

 private:
  static std::size_t cost_in_one_row(const std::vector<Item>& items, std::uint64_t need,
                                     std::size_t most) {
    std::vector<std::uint64_t> row(most + 1);
    for (const Item& item : items) {
      for (std::size_t c = most + 1; c-- > item.cost;) {
        row[c] = std::max(row[c], row[c - item.cost] + item.weight);
      }
    }
    const auto found = std::lower_bound(row.begin(), row.end(), need);
    return found == row.end() ? most : static_cast<std::size_t>(found - row.begin());
  }
  void add_row(const Item& item, std::size_t i) {
    for (std::size_t c = 0; c < width_; ++c) {
      std::uint64_t& best = table_[i * width_ + c];
      best = table_[(i + 1) * width_ + c];
      if (c >= item.cost) {
        best = std::max(best, table_[(i + 1) * width_ + c - item.cost] + item.weight);
      }
    }
  }

  std::size_t count_ = 0;
  bool uniform_ = true;
  std::size_t unit_ = 1;
  std::vector<std::uint64_t> prefix_;  // uniform: the heaviest are the first
  std::size_t width_ = 0;
  std::vector<std::uint64_t> table_;
  std::size_t cost_ = 0;
  bool reached_ = false;
};

// How one group reaches the goal at the least cost.
struct Plan {
  NodeId leaf = kNoNode;
  std::optional<std::size_t> cost;  // none: never
  Count ways = 1;                   // sets of that cost
  std::uint64_t need = 0;           // weight the items have to bring
  std::vector<Item> items;          // by falling weight
  Heaviest heaviest;
  std::vector<Plan> children;
};

// Layer by layer through the items: states are what is still to be spent and brought. `steps` are
// subtracted from.
Count count_ways(const Plan& plan, std::size_t& steps) {
  using State = std::pair<std::size_t, std::uint64_t>;  // cost left, weight missing
  std::map<State, Count> states{{{*plan.cost, plan.need}, 1}};
  Count total = 0;
  for (std::size_t i = 0; i < plan.items.size() && !states.empty(); ++i) {
    const Item& item = plan.items[i];
    std::map<State, Count> next;
    const auto go_on = [&](State state, Count ways) {
      if (plan.heaviest.from(i + 1, state.first) < state.second) return;
      const auto [at, added] = next.try_emplace(state, ways);
      if (!added) at->second = plus(at->second, ways);
    };
    for (const auto& [state, ways] : states) {
      if (steps == 0) return std::nullopt;
      --steps;
      const auto [cost, missing] = state;
      go_on(state, ways);
      if (cost < item.cost) continue;
      const Count taken = times(ways, item.plan->ways);
      // Nothing is left to spend then: the cost is the least there is.
      if (missing <= item.weight) {
        total = plus(total, taken);
      } else {
        go_on({cost - item.cost, missing - item.weight}, taken);
      }
    }
    states = std::move(next);
  }
  return total;
}

Plan plan_leaf(const Explanation& leaf, Goal goal) {
  Plan plan;
  plan.leaf = leaf.leaf;
  const bool lost = leaf.outcome == Outcome::lost;
  if (goal == Goal::win && !lost) plan.cost = 1;
  if (goal == Goal::stop) plan.cost = lost ? 0 : 1;
  return plan;
}

Plan plan_for(const Explanation& group, Goal goal, std::size_t& steps) {
  if (group.leaf != kNoNode) return plan_leaf(group, goal);
  Plan plan;
  // Lost is what leaves less than needed. 0 when even all of it is less.
  plan.need = goal == Goal::win ? group.needed : group.total + 1 - group.needed;
  for (const Explanation& child : group.children) {
    plan.children.push_back(plan_for(child, goal, steps));
  }
  std::uint64_t free = 0;
  for (std::size_t i = 0; i < group.children.size(); ++i) {
    const Plan& child = plan.children[i];
    const std::uint64_t weight = group.children[i].own_weight;
    if (!child.cost || weight == 0) continue;
    if (*child.cost == 0) {
      free += weight;
    } else {
      plan.items.push_back({weight, *child.cost, &child});
    }
  }
  plan.need -= std::min(plan.need, free);
  std::stable_sort(plan.items.begin(), plan.items.end(),
                   [](const Item& one, const Item& other) { return one.weight > other.weight; });
  plan.heaviest = Heaviest(plan.items, plan.need);
  if (!plan.heaviest.reached()) return plan;
  plan.cost = plan.heaviest.cost();
  if (plan.need > 0) plan.ways = count_ways(plan, steps);
  return plan;
}

using Sets = std::vector<std::vector<NodeId>>;

// Gathers smallest sets until there are `limit`.
class Examples {
 public:
  explicit Examples(std::size_t limit) : limit_(limit) {}

  Sets of(const Plan& plan) const {
    if (plan.leaf != kNoNode) return *plan.cost == 0 ? Sets{{}} : Sets{{plan.leaf}};
    if (plan.need == 0) return {{}};
    Sets out;
    std::vector<const Plan*> taken;
    choose(plan, 0, *plan.cost, plan.need, taken, out);
    return out;
  }

 private:
  void choose(const Plan& plan, std::size_t i, std::size_t cost, std::uint64_t missing,
              std::vector<const Plan*>& taken, Sets& out) const {
    if (missing == 0) return combine(taken, 0, {}, out);
    if (out.size() >= limit_ || plan.heaviest.from(i, cost) < missing) return;
    const Item& item = plan.items[i];
    if (item.cost <= cost) {
      taken.push_back(item.plan);
      choose(plan, i + 1, cost - item.cost, missing - std::min(missing, item.weight), taken, out);
      taken.pop_back();
    }
    choose(plan, i + 1, cost, missing, taken, out);
  }

  void combine(const std::vector<const Plan*>& taken, std::size_t i,
               const std::vector<NodeId>& chosen, Sets& out) const {
    if (out.size() >= limit_) return;
    if (i == taken.size()) {
      out.push_back(chosen);
      std::sort(out.back().begin(), out.back().end());
      return;
    }
    for (const std::vector<NodeId>& part : of(*taken[i])) {
      std::vector<NodeId> more = chosen;
      more.insert(more.end(), part.begin(), part.end());
      combine(taken, i + 1, more, out);
    }
  }

  std::size_t limit_;
};

}  // namespace

std::optional<SmallestSets> smallest_sets(const Explanation& group, Goal goal,
                                          std::size_t examples) {
  std::size_t steps = kMaxCountSteps;
  const Plan plan = plan_for(group, goal, steps);
  if (!plan.cost) return std::nullopt;
  return SmallestSets{*plan.cost, plan.ways, Examples(examples).of(plan)};
}

}  // namespace regent
