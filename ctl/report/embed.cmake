# cmake -DINPUT=FILE -DOUTPUT=FILE.cc -DNAME=FUNCTION -P embed.cmake
# Writes a C++ source whose skiptrain::ctl::page::FUNCTION() returns the bytes of INPUT.
file(READ "${INPUT}" bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${OUTPUT}" "// Generated from ${INPUT}.
#include \"ctl/report/page_parts.h\"

namespace skiptrain::ctl::page {
namespace {

constexpr unsigned char kBytes[] = {
${bytes}
};

}  // namespace

std::string_view ${NAME}() {
  return {reinterpret_cast<const char*>(kBytes), sizeof(kBytes)};
}

}  // namespace skiptrain::ctl::page
")
