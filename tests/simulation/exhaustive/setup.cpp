#include "tests/simulation/exhaustive/setup.h"

#include <algorithm>

namespace regent::exhaustive {

std::vector<Renaming> renamings(const Setup& setup) {
  std::vector<Renaming> out;
  const unsigned count = setup.gateway_count();
  std::array<std::uint8_t, kMaxGateways> order{0, 1, 2, 3};
  while (std::next_permutation(order.begin(), order.begin() + count)) {
    Renaming renaming;
    renaming.gateway = order;
    renaming.swap_regions = setup.region(0) != setup.region(order[0]);
    const bool keeps_regions = [&] {
      for (unsigned gateway = 0; gateway < count; ++gateway) {
        if (renaming.region(setup.region(gateway)) != setup.region(order[gateway])) return false;
      }
      return true;
    }();
    if (keeps_regions) out.push_back(renaming);
  }
  return out;
}

}  // namespace regent::exhaustive
