#pragma once

#include <optional>
#include <string>
#include <vector>

#include "topology/findings.h"

// A YAML text as plain values with their places: maps, lists, scalars, aliases expanded. The only
// part that knows the YAML library; nothing here knows what a topology is.
namespace regent {

struct YamlEntry;

struct YamlValue {
  enum class Kind : std::uint8_t { null, scalar, list, map };
  Kind kind = Kind::null;
  FilePlace place;
  std::string text;                // of a scalar, without quotes
  std::vector<YamlEntry> entries;  // of a list (keys empty) or map (keys unique), in file order
  std::size_t size = 1;            // number of values in it, itself included
};

struct YamlEntry {
  std::string key;
  FilePlace key_place;
  YamlValue value;
};

// What a text is, for those who wrote it.
struct DocumentKind {
  std::string name;   // "topology", as in "topology file"
  std::string needs;  // "cluster, regions and more": what none is without
};

// Sizes no honest topology comes near. Beyond them the file is refused before it is understood.
inline constexpr std::size_t kMaxTopologyBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kMaxTopologyValues = 500'000;  // after aliases are expanded

// Parses one document. What is wrong with it (not text, not YAML, too large, more than one
// document, a key given twice) goes to `findings`; nullopt when there is nothing to go on with.
std::optional<YamlValue> parse_document(const std::string& text, const DocumentKind& kind,
                                        Findings& findings);

}  // namespace regent
