// The usual names of a data set's files. Inside lib/data only.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "data/source.h"

namespace skiptrain::data {

struct FormatFiles {
  Format format;
  std::span<const std::string_view> train;  // in the order in which their samples are numbered
  std::span<const std::string_view> test;   // may name the training file again
  std::string_view what;                    // for messages: of a folder with none of them
  std::string_view if_missing;              // and of one with some
  bool may_be_packed = false;               // by gzip, with .gz after the name
};
// Of all formats whose files have names of their own: all but kLeaf and kImages.
std::span<const FormatFiles> all_format_files();
const FormatFiles& files_of(Format format);

// The plain file if it is there, else the packed one.
std::optional<std::string> find_file(const std::string& directory, std::string_view name,
                                     bool may_be_packed);
Error no_such_file(const std::string& directory, std::string_view name, const FormatFiles& files);

// The folder of a part of a set that is a folder (kLeaf, kImages). kNotFound: there is none.
Result<std::string> part_folder(const Source& source, Part part);
// The files *.json of a folder, ascending. kNotFound: there is none.
Result<std::vector<std::string>> json_files(const std::string& folder);

}  // namespace skiptrain::data
