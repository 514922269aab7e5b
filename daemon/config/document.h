// A config file on its way from text to a Config: what was read so far, where it stood, and what
// is wrong with it. Internal to this folder.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config/config.h"

namespace skiptrain::daemon {

struct Place {
  int line = 0;
  std::string text;  // the value as it stands there, shortened
};

struct Problem {
  int line = 0;
  std::string message;  // "KEY = VALUE: must be ..."
};

struct Document {
  std::filesystem::path file;
  Config config;
  // Keys that are set and passed their own checks, by path ("run.rounds", "cluster.nodes[0].id").
  std::map<std::string, Place, std::less<>> places;
  // Lines of the tables that were read (1 for one that is left out) and of all keys that stand in
  // the file, whether or not their values passed.
  std::map<std::string, int, std::less<>> lines;
  std::vector<Problem> problems;
  bool nodes_are_good = false;  // every entry of cluster.nodes was read without a problem

  bool is_set(std::string_view path) const { return places.contains(path); }
  bool is_mentioned(std::string_view path) const { return lines.contains(path); }
  // Reports "PATH = VALUE: what" at the line of that key, which is set.
  void complain(std::string_view path, const std::string& what);
  // Reports that a key is not set, at the line of its table, which was read.
  void complain_of_missing(const std::string& path, const std::string& meaning);
};

// Text to keys: kinds, ranges, unknown and missing keys.
void read_document(std::string_view toml, Document& document);
// What no single key can tell: references between keys, duplicates, the topology's existence.
void check_document(Document& document);
// Of these, the part about [model].
void check_model(Document& document);
// Of these, the part about [train]; fills in the defaults that follow from train.optimizer.
void check_train(Document& document);
// And about [exchange].
void check_exchange(Document& document);
// Fills in what was left to its default by "" or 0. Call only if there are no problems.
void resolve_placeholders(Config& config);

}  // namespace skiptrain::daemon
