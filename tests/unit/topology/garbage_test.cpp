#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <string>

#include "tests/unit/topology/topology_cases.h"
#include "topology/load.h"

// Files that are no topologies: every one of them is a clear error, none of them a crash.
namespace regent {
namespace {

std::string first_error(const std::string& text) {
  const LoadedTopology loaded = parse_topology(text, "t");
  return loaded.errors.empty() ? "" : loaded.errors.front().message();
}

std::string first_error_of_file(const std::string& file) {
  const LoadedTopology loaded = load_topology(file);
  return loaded.errors.empty() ? "" : loaded.errors.front().message();
}

std::string repeat(const std::string& text, std::size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    char name[] = "/tmp/regent_topology_XXXXXX";
    const int fd = mkstemp(name);
    EXPECT_GE(fd, 0);
    close(fd);
    name_ = name;
    std::ofstream(name_, std::ios::binary) << content;
  }
  ~TemporaryFile() { unlink(name_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

TEST(GarbageFile, WhatCannotBeReadIsOneError) {
  EXPECT_EQ(first_error_of_file("/nonexistent/t.yaml"),
            "/nonexistent/t.yaml: cannot be read: No such file or directory");
  EXPECT_EQ(first_error_of_file("/tmp"), "/tmp: is a directory: give the topology file itself");
  EXPECT_EQ(first_error_of_file(""), ": cannot be read: No such file or directory");
}

TEST(GarbageFile, EmptyAndBinaryFiles) {
  const TemporaryFile empty("");
  EXPECT_EQ(first_error_of_file(empty.name()),
            empty.name() + ":1:1: is empty: a topology needs cluster, regions and more");
  const TemporaryFile binary(
      std::string("cluster: shop\nx: \x7f"
                  "ELF\0\0",
                  22));
  EXPECT_EQ(first_error_of_file(binary.name()),
            binary.name() + ":2:4: not a text file: a byte here is no UTF-8 text");
  for (const std::string bytes :
       {"\xff\xfe", "\x80", "\xc3", "\xc0\x80", "a\xe2\x82", "\xf5\x80"}) {
    EXPECT_NE(first_error(bytes).find("not a text file"), std::string::npos);
  }
  EXPECT_EQ(first_error("cluster: caf\xc3\xa9\n").find("not a text file"), std::string::npos);
}

TEST(GarbageFile, TooLarge) {
  const TemporaryFile large(repeat("# comment\n", 430'000));
  EXPECT_EQ(first_error_of_file(large.name()),
            large.name() + ": is larger than 4 MiB: this is no topology file");
}

TEST(GarbageFile, TooDeep) {
  for (const std::string open : {"[", "{", "{a: ", "- ", "? ", "a:\n "}) {
    EXPECT_NE(first_error(repeat(open, 20'000)), "") << open;
  }
  EXPECT_EQ(first_error(repeat("[", 1000)),
            "t:1:1: is nested too deeply: this is no topology file");
}

TEST(GarbageFile, AliasesThatMultiply) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + repeat(last + " ,", 9) +
            last + "]\n";
  }
  EXPECT_NE(first_error(bomb).find("aliases count each time"), std::string::npos);
}

TEST(GarbageFile, DocumentsWithoutEnd) {
  EXPECT_EQ(first_error(", "),
            "t:1:1: a second document starts here: a topology file holds exactly one");
  EXPECT_EQ(first_error(",\ncluster: c"), first_error(","));
}

TEST(GarbageFile, MoreThanACluster) {
  std::string text = "cluster: c\nregions:\n  r:\n    gateways: { g: host }\n    nodes:\n";
  for (int i = 0; i < 10'001; ++i) {
    const std::string number = std::to_string(i);
    text += "      n" + number + ": h" + number + "\n";
  }
  EXPECT_NE(first_error(text).find("more than 10000 nodes"), std::string::npos);
}

TEST(GarbageFile, LongWordsAreShortenedInMessages) {
  const std::string error = first_error(repeat("k", 1000) + ": 1\ncluster: c\nregions: {}\n");
  EXPECT_LT(error.size(), 400U);
  EXPECT_NE(error.find("unknown key"), std::string::npos);
}

// Random damage to a good file: whatever comes out, it is a model or errors that point into it.
TEST(GarbageFile, RandomDamage) {
  const std::string good = read_case("example.yaml");
  const std::string pieces[] = {
      "&a ", "*a", "[",  "]",    "{", "}",  ": ",  "- ",   "\n",  "\t",  "---",  "!!", "\"", "'",
      "|",   ">",  "? ", "<<: ", "~", "-1", "1e9", "\xff", "\\x", "%Y ", "null", "#",  "  "};
  const std::uint32_t seed = 20240501;
  std::mt19937 random(seed);
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string text = good;
    for (std::uint32_t edits = 1 + random() % 4; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text.erase(at, 1 + random() % 10);
          break;
        case 1:
          text.insert(at, pieces[random() % std::size(pieces)]);
          break;
        case 2:
          text[at] = static_cast<char>(random());
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 60));
      }
      if (text.empty()) text = "x";
    }
    const LoadedTopology loaded = parse_topology(text, "t");
    refused += loaded.errors.empty() ? 0 : 1;
    for (const Finding& error : loaded.errors) {
      ASSERT_GE(error.line, 1) << error.message() << "\nseed " << seed << "\n" << text;
      ASSERT_GE(error.column, 1) << error.message() << "\nseed " << seed << "\n" << text;
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_LT(refused, 1500);
}

}  // namespace
}  // namespace regent
