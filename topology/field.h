#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "topology/document.h"
#include "topology/findings.h"
#include "topology/topology.h"

// Reading typed values out of a document. Every reader reports what is wrong to the findings and
// then returns nothing (or leaves its target alone), so that reading goes on to the next problem.
namespace regent {

// A value and the path to it. The document and the findings must outlive it.
class Field {
 public:
  Field(const YamlValue& value, std::string path, Findings& findings);

  const std::string& path() const { return path_; }
  const YamlValue& value() const { return *value_; }
  Findings& findings() const { return *findings_; }
  void error(std::string text) const { findings_->error(path_, std::move(text)); }

  // A non-empty scalar without control characters.
  std::optional<std::string> text() const;
  // A whole number in decimal digits, min..max.
  std::optional<std::uint64_t> integer(std::uint64_t min, std::uint64_t max) const;
  // A whole number and one of ms, s, m; min..max.
  std::optional<Duration> duration(Duration min, Duration max) const;
  // A whole number, or one with B, KB, MB, GB, KiB, MiB or GiB; at least 1. `hint` ends the error.
  std::optional<std::uint64_t> bytes(std::string_view hint = "") const;
  std::optional<bool> boolean() const;
  // HOST, HOST:PORT or a map with only `address`; `default_port` 0: the port must be given.
  std::optional<Address> address(std::uint16_t default_port) const;
  // The index of the text in `names`.
  std::optional<std::size_t> choice(std::initializer_list<std::string_view> names) const;

  // The items of a list, with paths like backends.eu[0].
  std::vector<Field> items() const;
  // The values of a map whose keys are names we give things, sorted by name. Bad names are errors
  // and left out.
  std::vector<std::pair<std::string, Field>> named() const;
  bool is_map() const;  // else an error

 private:
  const YamlValue* value_;
  std::string path_;
  Findings* findings_;
};

// A map with a fixed set of keys; others are errors that name the nearest known one.
class Section {
 public:
  Section(const Field& field, std::initializer_list<std::string_view> known);

  std::optional<Field> find(std::string_view key) const;
  // As find, but its absence is an error.
  std::optional<Field> need(std::string_view key) const;
  bool has(std::string_view key) const { return find(key).has_value(); }

  // Replace `out` when the key is there and its value is right.
  template <typename T>
  void integer(std::string_view key, std::uint64_t min, std::uint64_t max, T& out) const {
    if (const auto field = find(key)) {
      if (const auto value = field->integer(min, max)) out = static_cast<T>(*value);
    }
  }
  template <typename T>
  void choice(std::string_view key, std::initializer_list<std::string_view> names, T& out) const {
    if (const auto field = find(key)) {
      if (const auto value = field->choice(names)) out = static_cast<T>(*value);
    }
  }
  void duration(std::string_view key, Duration min, Duration max, Duration& out) const;
  void boolean(std::string_view key, bool& out) const;
  void port(std::string_view key, std::uint16_t& out) const { integer(key, 1, 65535, out); }

 private:
  Field field_;
};

// Why `name` cannot name a cluster, region, zone, gateway, node or service; nullopt when it can.
// Names become parts of file names, certificates and Redis keys.
std::optional<std::string> name_problem(std::string_view name);

}  // namespace regent
