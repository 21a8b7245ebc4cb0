#include "topology/findings.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace regent {
namespace {

std::vector<Finding> in_file_order(std::vector<Finding> findings) {
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  return findings;
}

}  // namespace

std::string Finding::message() const {
  std::string out = file;
  if (line > 0) out += ":" + std::to_string(line) + ":" + std::to_string(column);
  if (!path.empty()) out += ": " + path;
  return out + ": " + text;
}

FilePlace Findings::place_of(std::string path) const {
  for (;;) {
    if (const auto found = places_.find(path); found != places_.end()) return found->second;
    const std::size_t cut = path.find_last_of(".[");
    if (cut == std::string::npos) break;
    path.resize(cut);
  }
  const auto root = places_.find("");
  return root == places_.end() ? FilePlace{} : root->second;
}

void Findings::error(const std::string& path, std::string text) {
  error_at(place_of(path), path, std::move(text));
}

void Findings::error_at(FilePlace place, const std::string& path, std::string text) {
  broken_.insert(path);
  errors_.push_back({file_, place.line, place.column, path, std::move(text)});
}

void Findings::warn(const std::string& path, std::string text) {
  const FilePlace place = place_of(path);
  warnings_.push_back({file_, place.line, place.column, path, std::move(text)});
}

bool Findings::broken(const std::string& path) const {
  if (broken_.contains(path)) return true;
  // '.' and '[' are what may follow a path; both sort before letters and digits or after, so each
  // is looked up on its own.
  for (const char next : {'.', '['}) {
    const std::string prefix = path + next;
    const auto found = broken_.lower_bound(prefix);
    if (found != broken_.end() && found->starts_with(prefix)) return true;
  }
  return false;
}

std::vector<Finding> Findings::errors() const {
  return in_file_order(errors_);
}
std::vector<Finding> Findings::warnings() const {
  return in_file_order(warnings_);
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : text.substr(0, limit)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  if (text.size() > limit) {
    // Not in the middle of a UTF-8 character.
    while (!out.empty() && (static_cast<unsigned char>(text[out.size()]) & 0xc0) == 0x80) {
      out.pop_back();
    }
    out += "...";
  }
  return out;
}

}  // namespace regent
