#include "topology/field.h"

#include <algorithm>
#include <charconv>

#include "topology/spelling.h"

namespace regent {
namespace {

constexpr std::size_t kMaxNameBytes = 63;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// nullopt: larger than any number we have.
std::optional<std::uint64_t> digits_value(std::string_view digits) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (parsed.ec != std::errc()) return std::nullopt;
  return value;
}

struct Quantity {
  std::string_view digits;
  std::string_view unit;
};

Quantity split_quantity(std::string_view text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  return {text.substr(0, end), text.substr(end)};
}

std::string duration_text(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (ms >= 60'000 && ms % 60'000 == 0) return std::to_string(ms / 60'000) + "m";
  if (ms >= 1000 && ms % 1000 == 0) return std::to_string(ms / 1000) + "s";
  return std::to_string(ms) + "ms";
}

const char* kind_text(YamlValue::Kind kind) {
  switch (kind) {
    case YamlValue::Kind::null:
      return "nothing";
    case YamlValue::Kind::scalar:
      return "a single value";
    case YamlValue::Kind::list:
      return "a list";
    case YamlValue::Kind::map:
      break;
  }
  return "a map";
}

}  // namespace

std::optional<std::string> name_problem(std::string_view name) {
  if (name.empty()) return "a name must not be empty";
  if (name.size() > kMaxNameBytes) return "a name has at most 63 characters";
  const bool clean = std::all_of(name.begin(), name.end(), [](char c) {
    return is_letter_or_digit(c) || c == '-' || c == '_';
  });
  if (!clean || !is_letter_or_digit(name.front())) {
    return "a name is made of letters, digits, '-' and '_' and starts with a letter or digit";
  }
  return std::nullopt;
}

Field::Field(const YamlValue& value, std::string path, Findings& findings)
    : value_(&value), path_(std::move(path)), findings_(&findings) {
  findings.remember(path_, value.place);
}

bool Field::is_map() const {
  if (value_->kind == YamlValue::Kind::map) return true;
  error(std::string("must be a map (key: value), is ") + kind_text(value_->kind));
  return false;
}

std::optional<std::string> Field::text() const {
  if (value_->kind != YamlValue::Kind::scalar) {
    error(std::string("must be a single value, is ") + kind_text(value_->kind));
    return std::nullopt;
  }
  if (value_->text.empty()) {
    error("must not be empty");
    return std::nullopt;
  }
  const bool clean = std::none_of(value_->text.begin(), value_->text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (!clean) {
    error("must not hold control characters");
    return std::nullopt;
  }
  return value_->text;
}

std::optional<std::uint64_t> Field::integer(std::uint64_t min, std::uint64_t max) const {
  const auto scalar = text();
  if (!scalar) return std::nullopt;
  const std::string range =
      "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max);
  if (scalar->front() == '-' && all_digits(std::string_view(*scalar).substr(1))) {
    error("must not be negative");
    return std::nullopt;
  }
  // A leading 0 means octal to some readers of YAML and nothing to others.
  if (!all_digits(*scalar) || (scalar->size() > 1 && scalar->front() == '0')) {
    error(range + ", is '" + printable(*scalar, 40) + "'");
    return std::nullopt;
  }
  const auto value = digits_value(*scalar);
  if (!value || *value > max) {
    error("must be at most " + std::to_string(max));
    return std::nullopt;
  }
  if (*value < min) {
    error("must be at least " + std::to_string(min));
    return std::nullopt;
  }
  return value;
}

std::optional<Duration> Field::duration(Duration min, Duration max) const {
  const auto scalar = text();
  if (!scalar) return std::nullopt;
  if (scalar->front() == '-') {
    error("must not be negative");
    return std::nullopt;
  }
  const Quantity quantity = split_quantity(*scalar);
  Duration unit{};
  if (quantity.unit == "ms") unit = std::chrono::milliseconds(1);
  if (quantity.unit == "s") unit = std::chrono::seconds(1);
  if (quantity.unit == "m") unit = std::chrono::minutes(1);
  if (quantity.digits.empty() || (unit == Duration{} && !quantity.unit.empty())) {
    error("must be a whole number with a unit (ms, s or m), such as 250ms, is '" +
          printable(*scalar, 40) + "'");
    return std::nullopt;
  }
  if (unit == Duration{}) {
    error("needs a unit: " + printable(*scalar, 20) + "ms, " + printable(*scalar, 20) + "s or " +
          printable(*scalar, 20) + "m");
    return std::nullopt;
  }
  const auto count = digits_value(quantity.digits);
  if (!count || *count > static_cast<std::uint64_t>(max / unit)) {
    error("must be at most " + duration_text(max));
    return std::nullopt;
  }
  const Duration value = unit * static_cast<Duration::rep>(*count);
  if (value < min) {
    error("must be at least " + duration_text(min));
    return std::nullopt;
  }
  return value;
}

std::optional<std::uint64_t> Field::bytes(std::string_view hint) const {
  const auto scalar = text();
  if (!scalar) return std::nullopt;
  const Quantity quantity = split_quantity(*scalar);
  constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"", 1},
      {"B", 1},
      {"KB", 1000},
      {"MB", 1'000'000},
      {"GB", 1'000'000'000},
      {"KiB", 1ULL << 10U},
      {"MiB", 1ULL << 20U},
      {"GiB", 1ULL << 30U},
  };
  const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                  [&](const auto& known) { return known.first == quantity.unit; });
  const auto count = digits_value(quantity.digits);
  if (unit == std::end(kUnits) || !count || *count == 0 || *count > (1ULL << 30U)) {
    error("must be a number of bytes such as 1048576, 512KiB or 10MB" + std::string(hint));
    return std::nullopt;
  }
  return *count * unit->second;
}

std::optional<bool> Field::boolean() const {
  const auto index = choice({"true", "false"});
  if (!index) return std::nullopt;
  return *index == 0;
}

std::optional<std::size_t> Field::choice(std::initializer_list<std::string_view> names) const {
  const auto scalar = text();
  if (!scalar) return std::nullopt;
  const auto* found = std::find(names.begin(), names.end(), *scalar);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  error("must be " + one_of(names) + ", is '" + printable(*scalar, 40) + "'");
  return std::nullopt;
}

std::optional<Address> Field::address(std::uint16_t default_port) const {
  if (value_->kind == YamlValue::Kind::map) {
    const auto inner = Section(*this, {"address"}).need("address");
    if (!inner) return std::nullopt;
    if (inner->value().kind != YamlValue::Kind::map) return inner->address(default_port);
    inner->error("must be HOST or HOST:PORT, is a map");
    return std::nullopt;
  }
  const auto scalar = text();
  if (!scalar) return std::nullopt;
  const Result<Address> parsed = parse_address(*scalar, default_port);
  if (!parsed) {
    error(parsed.error().message);
    return std::nullopt;
  }
  return *parsed;
}

std::vector<Field> Field::items() const {
  std::vector<Field> out;
  if (value_->kind != YamlValue::Kind::list) {
    error(std::string("must be a list, is ") + kind_text(value_->kind));
    return out;
  }
  for (const YamlEntry& entry : value_->entries) {
    out.emplace_back(entry.value, path_ + "[" + std::to_string(out.size()) + "]", *findings_);
  }
  return out;
}

std::vector<std::pair<std::string, Field>> Field::named() const {
  std::vector<std::pair<std::string, Field>> out;
  if (!is_map()) return out;
  for (const YamlEntry& entry : value_->entries) {
    const std::string path = path_ + "." + printable(entry.key);
    if (const auto problem = name_problem(entry.key)) {
      findings_->error_at(entry.key_place, path, *problem);
      continue;
    }
    out.emplace_back(entry.key, Field(entry.value, path, *findings_));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return out;
}

Section::Section(const Field& field, std::initializer_list<std::string_view> known)
    : field_(field) {
  if (!field.is_map()) return;
  for (const YamlEntry& entry : field.value().entries) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
    const std::string prefix = field.path().empty() ? "" : field.path() + ".";
    field.findings().error_at(entry.key_place, prefix + printable(entry.key),
                              "unknown key; " + suggest(entry.key, known));
  }
}

std::optional<Field> Section::find(std::string_view key) const {
  if (field_.value().kind != YamlValue::Kind::map) return std::nullopt;
  for (const YamlEntry& entry : field_.value().entries) {
    if (entry.key != key) continue;
    const std::string prefix = field_.path().empty() ? "" : field_.path() + ".";
    return Field(entry.value, prefix + entry.key, field_.findings());
  }
  return std::nullopt;
}

std::optional<Field> Section::need(std::string_view key) const {
  auto found = find(key);
  if (!found && field_.value().kind == YamlValue::Kind::map) {
    field_.error("needs the key '" + std::string(key) + "'");
  }
  return found;
}

void Section::duration(std::string_view key, Duration min, Duration max, Duration& out) const {
  if (const auto field = find(key)) {
    if (const auto value = field->duration(min, max)) out = *value;
  }
}

void Section::boolean(std::string_view key, bool& out) const {
  if (const auto field = find(key)) {
    if (const auto value = field->boolean()) out = *value;
  }
}

}  // namespace regent
