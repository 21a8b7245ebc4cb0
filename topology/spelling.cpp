#include "topology/spelling.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace regent {
namespace {

// Longer words are no misspelling of ours, and comparing them would only cost time.
constexpr std::size_t kMaxWordBytes = 40;

// Smallest number of inserted, removed and replaced characters between the two (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::string join(std::initializer_list<std::string_view> names, std::string_view last) {
  std::string out;
  std::size_t index = 0;
  for (const std::string_view name : names) {
    if (index > 0) out += index + 1 == names.size() ? last : std::string_view(", ");
    out += name;
    ++index;
  }
  return out;
}

}  // namespace

std::string one_of(std::initializer_list<std::string_view> names) {
  return join(names, " or ");
}

std::string suggest(std::string_view word, std::initializer_list<std::string_view> known) {
  if (word.size() <= kMaxWordBytes) {
    std::string_view nearest;
    std::size_t best = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const std::string_view name : known) {
      const std::size_t far = distance(word, name);
      if (far < best && far < name.size()) {
        best = far;
        nearest = name;
      }
    }
    if (!nearest.empty()) return "did you mean '" + std::string(nearest) + "'?";
  }
  if (known.size() == 1) return "known here is only " + std::string(*known.begin());
  return "known here are " + join(known, " and ");
}

}  // namespace regent
