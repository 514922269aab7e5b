// Files of torch.save for the tests: pickles that PyTorch 1.13 wrote, with storages beside them.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "tests/unit/data/npz_files.h"

namespace skiptrain::data {

using namespace std::string_view_literals;

// {"x_train": uint8 of (3, 2), "y_train": int64 of (3,)}.
inline constexpr std::string_view kPickleOfTwo =
    "\200\002}q\000(X\007\000\000\000x_trainq\001ctorch._utils\012_rebuild_tensor_v2\012q"
    "\002((X\007\000\000\000storageq\003ctorch\012ByteStorage\012q\004X\001\000\000\0000q"
    "\005X\003\000\000\000cpuq\006K\006tq\007QK\000K\003K\002\206q\010K\002K\001\206q\011"
    "\211ccollections\012OrderedDict\012q\012)Rq\013tq\014Rq\015X\007\000\000\000y_trainq"
    "\016h\002((h\003ctorch\012LongStorage\012q\017X\001\000\000\0001q\020h\006K\003tq"
    "\021QK\000K\003\205q\022K\001\205q\023\211h\012)Rq\024tq\025Rq\026u."sv;

// (float32 of (3, 2), int64 of (3,)).
inline constexpr std::string_view kPickleOfTuple =
    "\200\002ctorch._utils\012_rebuild_tensor_v2\012q\000((X\007\000\000\000storageq\001c"
    "torch\012FloatStorage\012q\002X\001\000\000\0000q\003X\003\000\000\000cpuq\004K\006t"
    "q\005QK\000K\003K\002\206q\006K\002K\001\206q\007\211ccollections\012OrderedDict\012"
    "q\010)Rq\011tq\012Rq\013h\000((h\001ctorch\012LongStorage\012q\014X\001\000\000\0001"
    "q\015h\004K\003tq\016QK\000K\003\205q\017K\001\205q\020\211h\010)Rq\021tq\022Rq\023"
    "\206q\024."sv;

// {"x": float32 (3, 2) from value 2 of a storage of 8, "y": int64 of (3,), "t": the storage
// transposed, "h": float16 of (4, 2), "n": 3, "name": "s"}.
inline constexpr std::string_view kPickleOfViews =
    "\200\002}q\000(X\001\000\000\000xq\001ctorch._utils\012_rebuild_tensor_v2\012q\002(("
    "X\007\000\000\000storageq\003ctorch\012FloatStorage\012q\004X\001\000\000\0000q\005X"
    "\003\000\000\000cpuq\006K\010tq\007QK\002K\003K\002\206q\010K\002K\001\206q\011\211c"
    "collections\012OrderedDict\012q\012)Rq\013tq\014Rq\015X\001\000\000\000yq\016h\002(("
    "h\003ctorch\012LongStorage\012q\017X\001\000\000\0001q\020h\006K\003tq\021QK\000K"
    "\003\205q\022K\001\205q\023\211h\012)Rq\024tq\025Rq\026X\001\000\000\000tq\027h\002("
    "(h\003h\004h\005h\006K\010tq\030QK\000K\002K\004\206q\031K\001K\002\206q\032\211h"
    "\012)Rq\033tq\034Rq\035X\001\000\000\000hq\036h\002((h\003ctorch\012HalfStorage\012q"
    "\037X\001\000\000\0002q h\006K\010tq!QK\000K\004K\002\206q\"K\002K\001\206q#\211h"
    "\012)Rq$tq%Rq&X\001\000\000\000nq'K\003X\004\000\000\000nameq(X\001\000\000\000sq)u."sv;

// torch.nn.Linear(2, 1), which is code.
inline constexpr std::string_view kPickleOfModule =
    "\200\002ctorch.nn.modules.linear\012Linear\012q\000)\201q\001}q\002(X\010\000\000"
    "\000trainingq\003\210X\013\000\000\000_parametersq\004ccollections\012OrderedDict"
    "\012q\005)Rq\006(X\006\000\000\000weightq\007ctorch._utils\012_rebuild_parameter\012"
    "q\010ctorch._utils\012_rebuild_tensor_v2\012q\011((X\007\000\000\000storageq\012ctor"
    "ch\012FloatStorage\012q\013X\001\000\000\0000q\014X\003\000\000\000cpuq\015K\002tq"
    "\016QK\000K\001K\002\206q\017K\002K\001\206q\020\211h\005)Rq\021tq\022Rq\023\210h"
    "\005)Rq\024\207q\025Rq\026X\004\000\000\000biasq\027h\010h\011((h\012h\013X\001\000"
    "\000\0001q\030h\015K\001tq\031QK\000K\001\205q\032K\001\205q\033\211h\005)Rq\034tq"
    "\035Rq\036\210h\005)Rq\037\207q Rq!uX\010\000\000\000_buffersq\"h\005)Rq#X\033\000"
    "\000\000_non_persistent_buffers_setq$c__builtin__\012set\012q%]q&\205q'Rq(X\017\000"
    "\000\000_backward_hooksq)h\005)Rq*X\026\000\000\000_is_full_backward_hookq+NX\016"
    "\000\000\000_forward_hooksq,h\005)Rq-X\022\000\000\000_forward_pre_hooksq.h\005)Rq/X"
    "\021\000\000\000_state_dict_hooksq0h\005)Rq1X\032\000\000\000_load_state_dict_pre_ho"
    "oksq2h\005)Rq3X\033\000\000\000_load_state_dict_post_hooksq4h\005)Rq5X\010\000\000"
    "\000_modulesq6h\005)Rq7X\013\000\000\000in_featuresq8K\002X\014\000\000\000out_featu"
    "resq9K\001ub."sv;

// its state_dict().
inline constexpr std::string_view kPickleOfState =
    "\200\002ccollections\012OrderedDict\012q\000)Rq\001(X\006\000\000\000weightq\002ctor"
    "ch._utils\012_rebuild_tensor_v2\012q\003((X\007\000\000\000storageq\004ctorch\012Flo"
    "atStorage\012q\005X\001\000\000\0000q\006X\003\000\000\000cpuq\007K\002tq\010QK\000K"
    "\001K\002\206q\011K\002K\001\206q\012\211h\000)Rq\013tq\014Rq\015X\004\000\000\000bi"
    "asq\016h\003((h\004h\005X\001\000\000\0001q\017h\007K\001tq\020QK\000K\001\205q\021K"
    "\001\205q\022\211h\000)Rq\023tq\024Rq\025u}q\026X\011\000\000\000_metadataq\027h\000"
    ")Rq\030X\000\000\000\000q\031}q\032X\007\000\000\000versionq\033K\001sssb."sv;

// The members of such a file, as torch.save names them: the storages are data/0, data/1, ...
inline Members torch_members(std::string_view pickle, const std::vector<ByteString>& storages,
                             const std::string& prefix = "archive/") {
  Members members{{prefix + "data.pkl", ByteString(pickle.begin(), pickle.end())}};
  for (std::size_t i = 0; i < storages.size(); ++i) {
    members.emplace_back(prefix + "data/" + std::to_string(i), storages[i]);
  }
  members.emplace_back(prefix + "version", ByteString{'3', '\n'});
  return members;
}

}  // namespace skiptrain::data
