-- Hiatus for Wireshark and tshark: the TCP option of draft-hiatus-tcp, with named fields and expert information.
--
-- A post-dissector: it runs behind the TCP dissector, takes the octets of the options area from where that found
-- them, and reads them by itself as section 4.2 of the draft ("Reading the Options of a Segment") says. tshark's own
-- fields of experimental options do not suffice: it gives up at an option of another kind with a wrong Length, such as
-- a SACK without blocks, where the draft has it skipped, and it gives nothing of an area that the capture cut.
--
-- Written for Lua 5.2 to 5.4 (Wireshark 4.0 to 4.4): no integer division, no bit operators, no bit library, and
-- "%.0f" for numbers that may be above 2^31. Octets of an option are counted from 0, the Kind octet, as in the draft.
--
-- README.md beside this file has the installation, the table of fields, and examples.

set_plugin_info({
    version = "0.1.0",
    author = "The Hiatus project",
    description = "Hiatus: planned absence and durable state for TCP (draft-hiatus-tcp)",
})

local KIND_END_OF_LIST = 0
local KIND_NO_OPERATION = 1
local KIND_TCP_MD5 = 19
local KIND_TCP_AO = 29
local KIND_MULTIPATH = 30
local KIND_HIATUS = 253
local KIND_OTHER_EXPERIMENT = 254
local EXID_HIATUS = 0x4849

local TCP_FIXED_OCTETS = 20
local HEAD_OCTETS = 5
local MAC_OCTETS = 8
local CAPABLE_LONG_OCTETS = 16
local REASON_LOST = 4

local FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
local S, N, K, RESERVED = 0x08, 0x04, 0x02, 0x01
local CAPABILITIES = { { bit = S, letter = "S" }, { bit = N, letter = "N" }, { bit = K, letter = "K" } }

local SUBTYPE_NAMES = {
    [0] = "CAPABLE", "EPOCH", "EPOCH-ECHO", "SUSPEND", "SUSPEND-ACK", "RESUME", "RESUME-ACK", "ABORT",
}
local REASON_NAMES = { "FENCED", "GONE", "DIVERGED", "LOST", "SHED", "APPLICATION" }
local UNITS = { [0] = "seconds", [1] = "minutes" }
local SET = { "set", "not set" }

------------------------------------------------------------------------------------------------------------ fields

local hiatus = Proto("hiatus", "Hiatus")

--- The three fields of a duration: in seconds, and as it stands on the wire.
local function duration_fields(filter, name)
    return {
        seconds = ProtoField.uint32(filter, name, base.DEC, nil, nil, "in seconds, whatever the unit on the wire"),
        granularity = ProtoField.uint16(filter .. ".granularity", "Granularity", base.DEC, UNITS, 0x8000),
        value = ProtoField.uint16(filter .. ".value", "Value", base.DEC, nil, 0x7fff),
    }
end

local field = {
    summary = ProtoField.string("hiatus.summary", "Summary", base.ASCII, "the message in one line, without its MAC"),
    kind = ProtoField.uint8("hiatus.kind", "Kind"),
    length = ProtoField.uint8("hiatus.length", "Length"),
    exid = ProtoField.uint16("hiatus.exid", "Experiment Identifier", base.HEX),
    subtype = ProtoField.uint8("hiatus.subtype", "Subtype", base.DEC, SUBTYPE_NAMES, 0xf0),
    flags = ProtoField.uint8("hiatus.flags", "Flags", base.HEX, nil, 0x0f),
    mac = ProtoField.bytes("hiatus.mac", "MAC"),
    extra = ProtoField.bytes("hiatus.extra", "Octets past the known fields"),
    ignored = ProtoField.bool("hiatus.ignored", "Ignored by a receiver", base.NONE, nil, nil,
        "as far as this segment alone shows; MACs, order and state are not looked at"),
    unread = ProtoField.bytes("hiatus.unread", "Octets in which no option is read"),
    unread_reason = ProtoField.string("hiatus.unread.reason", "Reason"),

    capable_version = ProtoField.uint8("hiatus.capable.version", "Version", base.DEC, nil, 0xf0),
    capable_s = ProtoField.bool("hiatus.capable.s", "S, may fall silent", 8, SET, S),
    capable_n = ProtoField.bool("hiatus.capable.n", "N, may come back with an older state", 8, SET, N),
    capable_k = ProtoField.bool("hiatus.capable.k", "K, retains octets for such a peer", 8, SET, K),
    capable_reserved = ProtoField.bool("hiatus.capable.reserved", "R, reserved", 8, SET, RESERVED),
    capable_hold = duration_fields("hiatus.capable.hold", "Offered Hold"),
    capable_key = ProtoField.bytes("hiatus.capable.key", "Key of the sender"),

    epoch_number = ProtoField.uint32("hiatus.epoch.number", "Epoch Number"),
    epoch_stable_point = ProtoField.uint32("hiatus.epoch.stable_point", "Stable Point"),
    epoch_echo_stable_point = ProtoField.uint32("hiatus.epoch_echo.stable_point", "Stable Point"),

    suspend_absence = duration_fields("hiatus.suspend.absence", "Expected Absence"),
    suspend_ack_hold = duration_fields("hiatus.suspend_ack.hold", "Granted Hold"),

    resume_incarnation = ProtoField.uint32("hiatus.resume.incarnation", "Incarnation"),
    resume_generation = ProtoField.uint16("hiatus.resume.generation", "Generation"),
    resume_nonce = ProtoField.uint32("hiatus.resume.nonce", "Nonce", base.HEX),
    resume_end = ProtoField.uint32("hiatus.resume.end", "End"),

    resume_ack_incarnation = ProtoField.uint32("hiatus.resume_ack.incarnation", "Incarnation"),
    resume_ack_generation = ProtoField.uint16("hiatus.resume_ack.generation", "Generation"),
    resume_ack_r = ProtoField.uint32("hiatus.resume_ack.r", "R"),
    resume_ack_end = ProtoField.uint32("hiatus.resume_ack.end", "End"),

    abort_reason = ProtoField.uint8("hiatus.abort.reason", "Reason", base.DEC, REASON_NAMES),
    abort_key = ProtoField.bytes("hiatus.abort.key", "Key of the sender"),
}

--- An expert field. WARN: a sender broke a rule. ERROR: so much that a receiver ignores the option. NOTE: neither.
local function expert_field(name, text, group, severity)
    return ProtoExpert.new("hiatus.expert." .. name, "Hiatus: " .. text, group, severity)
end

local PROTOCOL, MALFORMED, UNDECODED = expert.group.PROTOCOL, expert.group.MALFORMED, expert.group.UNDECODED
local ERROR, WARN, NOTE = expert.severity.ERROR, expert.severity.WARN, expert.severity.NOTE
local finding = {
    too_short = expert_field("too_short", "option too short", MALFORMED, ERROR),
    misplaced = expert_field("misplaced", "message on a segment that does not carry it", PROTOCOL, ERROR),
    version_zero = expert_field("version_zero", "CAPABLE with version 0", PROTOCOL, ERROR),
    nonce_zero = expert_field("nonce_zero", "RESUME with nonce zero", PROTOCOL, ERROR),
    flags = expert_field("flags", "flags not zero", PROTOCOL, WARN),
    reserved = expert_field("reserved", "reserved bit set", PROTOCOL, WARN),
    several = expert_field("several", "more than one Hiatus option on a segment", PROTOCOL, WARN),
    n_without_s = expert_field("n_without_s", "N without S", PROTOCOL, WARN),
    long_on_syn = expert_field("long_on_syn", "long CAPABLE on a SYN without ACK", PROTOCOL, WARN),
    combination = expert_field("combination", "CAPABLE beside TCP MD5, TCP-AO or Multipath TCP", PROTOCOL, WARN),
    zero_window = expert_field("zero_window", "SUSPEND with a zero window", PROTOCOL, WARN),
    unread = expert_field("unread", "options area not read to its end", PROTOCOL, WARN),
    unknown_subtype = expert_field("unknown_subtype", "unknown subtype", UNDECODED, NOTE),
    unknown_reason = expert_field("unknown_reason", "ABORT with an unknown reason", UNDECODED, NOTE),
    extra = expert_field("extra", "octets past the known fields", UNDECODED, NOTE),
    kind_254 = expert_field("kind_254", "Hiatus ExID under Kind 254", PROTOCOL, NOTE),
}

--- All values of a table of fields, those of durations included, as the list that a Proto wants.
local function flat(table_of_fields)
    local list = {}
    for _, one in pairs(table_of_fields) do
        if type(one) == "table" then
            list[#list + 1], list[#list + 2], list[#list + 3] = one.seconds, one.granularity, one.value
        else
            list[#list + 1] = one
        end
    end
    return list
end

hiatus.fields = flat(field)
hiatus.experts = flat(finding)

local tcp_header_length = Field.new("tcp.hdr_len")
local tcp_options = Field.new("tcp.options")
local tcp_length = Field.new("tcp.len")

------------------------------------------------------------------------------------------------------------ octets

--- Number in the `count` octets of the string `octets` from `at` on, in network byte order; all of them are there.
local function number(octets, at, count)
    local result = 0
    for index = at + 1, at + count do
        result = result * 256 + octets:byte(index)
    end
    return result
end

local function hexadecimal(octets)
    return (octets:gsub(".", function(octet)
        return string.format("%02x", octet:byte())
    end))
end

--- Whether `bit`, a power of two, is set in `value`.
local function is_set(value, bit)
    return value % (2 * bit) >= bit
end

--- A duration as the draft's vectors spell it: `300s`, `2min`, or `none` where its value is zero.
local function duration_text(octets, at, none)
    local raw = number(octets, at, 2)
    local value = raw % 0x8000
    if value == 0 then
        return none
    end
    return string.format("%d%s", value, raw >= 0x8000 and "min" or "s")
end

----------------------------------------------------------------------------------------------------------- reading

--- Why no option is read from octet `at` on, as the draft's vectors spell it, and the rule that says so.
local function stop(rule, at, text, ...)
    return { rule = rule, at = at, text = "!" .. string.format(text, ...) }
end

local function structural_error(at, text, ...)
    return stop("HIA-MUST-9", at, text, ...)
end

--- The first octet behind End of Option List that is not zero, or nil.
local function stop_at_padding(area, from)
    local place = area:find("[^\0]", from + 1)
    return place and stop("HIA-MUST-10", place - 1, "padding at %d", place - 1)
end

--- Reads the options of a segment (draft, section 4.2) from the string `area`.
--
-- Gives the options that have a Length, each with `at` (from 0), `kind` and `octets`, and what stands where no option
-- is read any more, or nil.
local function read_options(area)
    local options, at = {}, 0
    while at < #area do
        local kind, length = area:byte(at + 1, at + 2)
        if kind == KIND_END_OF_LIST then
            return options, stop_at_padding(area, at + 1)
        elseif kind == KIND_NO_OPERATION then
            at = at + 1
        elseif not length then
            return options, structural_error(at, "missing-length kind %d at %d", kind, at)
        elseif length < 2 then
            return options, structural_error(at, "length-below-two kind %d at %d found %d", kind, at, length)
        elseif at + length > #area then
            local left = #area - at
            return options, structural_error(at, "truncated kind %d at %d found %d expected %d", kind, at, left, length)
        else
            options[#options + 1] = { at = at, kind = kind, octets = area:sub(at + 1, at + length) }
            at = at + length
        end
    end
    return options, nil
end

local function has_hiatus_exid(option)
    return #option.octets >= 4 and number(option.octets, 2, 2) == EXID_HIATUS
end

--- Whether there can be anything to show of `area`: most segments have nothing, and this is the quick way to tell.
local function has_something(area)
    return area:find("[\253\254].HI") ~= nil
end

--- Whether the octets of `area` from `from` on look as if a Hiatus option stood among them.
local function looks_like_hiatus(area, from)
    return area:find("\253.HI", from + 1) ~= nil
end

---------------------------------------------------------------------------------------------------------- messages

local function pure_ack(segment)
    local flags = segment.flags
    return is_set(flags, ACK) and not (is_set(flags, SYN) or is_set(flags, FIN) or is_set(flags, RST))
        and segment.payload == 0
end

local function with_reset(segment)
    return is_set(segment.flags, RST)
end

local function syn_without_ack(segment)
    return is_set(segment.flags, SYN) and not is_set(segment.flags, ACK)
end

local function carries_capable(segment, octets)
    return not with_reset(segment) and (syn_without_ack(segment) or #octets >= CAPABLE_LONG_OCTETS)
end

local function add_duration(tree, fields, range, at, none)
    local place = range(at, 2)
    local raw = place:uint()
    local value = raw % 0x8000
    local item = tree:add(fields.seconds, place, raw >= 0x8000 and value * 60 or value)
    item:append_text(value == 0 and " (" .. none .. ")" or " s")
    item:add(fields.granularity, place)
    item:add(fields.value, place)
end

local function add_capable(tree, range, octets, segment)
    local bits = octets:byte(6)
    local place = range(5, 1)
    local version = tree:add(field.capable_version, place)
    if bits < 0x10 then
        version:add_proto_expert_info(finding.version_zero,
            "Version 0 is never sent; the option is ignored (HIA-MUST-12)")
    end
    tree:add(field.capable_s, place)
    local n = tree:add(field.capable_n, place)
    if is_set(bits, N) and not is_set(bits, S) then
        n:add_proto_expert_info(finding.n_without_s, "N without S: read as if both were set (HIA-MUST-120)")
    end
    tree:add(field.capable_k, place)
    local reserved = tree:add(field.capable_reserved, place)
    if is_set(bits, RESERVED) then
        reserved:add_proto_expert_info(finding.reserved, "The reserved bit is sent as 0 and ignored")
    end
    add_duration(tree, field.capable_hold, range, 6, "none")
    if #octets >= CAPABLE_LONG_OCTETS then
        local key = tree:add(field.capable_key, range(8, 8))
        if syn_without_ack(segment) then
            key:add_proto_expert_info(finding.long_on_syn, "On a SYN without ACK only octets 0 to 7 are read")
        end
    end
    if segment.kinds[KIND_TCP_MD5] or segment.kinds[KIND_TCP_AO] or segment.kinds[KIND_MULTIPATH] then
        tree:add_proto_expert_info(finding.combination,
            "No CAPABLE on a connection with TCP MD5, TCP-AO or Multipath TCP (HIA-MUST-41)")
    end
end

local function add_suspend(tree, range, _, segment)
    add_duration(tree, field.suspend_absence, range, 5, "unknown")
    if segment.window == 0 then
        tree:add_proto_expert_info(finding.zero_window,
            "A host that is going away does not close its window (HIA-MUST-43)")
    end
end

local function add_resume(tree, range, octets)
    tree:add(field.resume_incarnation, range(5, 4))
    tree:add(field.resume_generation, range(9, 2))
    local nonce = tree:add(field.resume_nonce, range(11, 4))
    if number(octets, 11, 4) == 0 then
        nonce:add_proto_expert_info(finding.nonce_zero, "A nonce is never zero; the RESUME is ignored (HIA-MUST-118)")
    end
    tree:add(field.resume_end, range(15, 4))
end

local function add_abort(tree, range, octets)
    local reason = tree:add(field.abort_reason, range(5, 1))
    if not REASON_NAMES[octets:byte(6)] then
        reason:add_proto_expert_info(finding.unknown_reason,
            "An unknown reason ends the connection like a known one (HIA-MUST-14)")
    end
    tree:add(octets:byte(6) == REASON_LOST and field.abort_key or field.mac, range(6, 8))
end

local function capable_text(octets)
    local bits = octets:byte(6)
    local letters = ""
    for _, one in ipairs(CAPABILITIES) do
        letters = letters .. (is_set(bits, one.bit) and one.letter or "")
    end
    local hold = duration_text(octets, 6, "none")
    local key = #octets >= CAPABLE_LONG_OCTETS and " key " .. hexadecimal(octets:sub(9, 16)) or ""
    return string.format("v%d %s hold %s%s", math.floor(bits / 16), letters == "" and "-" or letters, hold, key)
end

local function life_text(octets)
    return string.format("life %.0f.%.0f", number(octets, 5, 4), number(octets, 9, 2))
end

local function abort_text(octets)
    local reason = octets:byte(6)
    local name = REASON_NAMES[reason] and REASON_NAMES[reason]:lower() or string.format("reason-%d", reason)
    return reason == REASON_LOST and name .. " key " .. hexadecimal(octets:sub(7, 14)) or name
end

--- The messages by subtype (draft, section 4.1, "Messages, the segments that carry them, and their lengths").
--
-- `least`: Length, at least. `carried(segment, octets)`: whether the table lists the message for this segment.
-- `text(octets)`: its fields as the draft's vectors spell them. `add(tree, range, octets, segment)`: its fields as
-- items. `mac`: where its MAC stands. Where `text` and `add` are called, all octets up to `least` are there.
local MESSAGES = {
    [0] = { least = 8, carried = carries_capable, text = capable_text, add = add_capable },
    {
        least = 21, carried = pure_ack, mac = 13,
        text = function(octets)
            return string.format("%.0f stable %.0f", number(octets, 5, 4), number(octets, 9, 4))
        end,
        add = function(tree, range)
            tree:add(field.epoch_number, range(5, 4))
            tree:add(field.epoch_stable_point, range(9, 4))
        end,
    },
    {
        least = 9, carried = pure_ack,
        text = function(octets)
            return string.format("%.0f", number(octets, 5, 4))
        end,
        add = function(tree, range)
            tree:add(field.epoch_echo_stable_point, range(5, 4))
        end,
    },
    {
        least = 15, carried = pure_ack, mac = 7,
        text = function(octets)
            return duration_text(octets, 5, "unknown")
        end,
        add = add_suspend,
    },
    {
        least = 15, carried = pure_ack, mac = 7,
        text = function(octets)
            return duration_text(octets, 5, "refused")
        end,
        add = function(tree, range)
            add_duration(tree, field.suspend_ack_hold, range, 5, "refused")
        end,
    },
    {
        least = 27, carried = pure_ack, mac = 19,
        text = function(octets)
            local nonce = hexadecimal(octets:sub(12, 15))
            return string.format("%s nonce %s end %.0f", life_text(octets), nonce, number(octets, 15, 4))
        end,
        add = add_resume,
    },
    {
        least = 27, carried = pure_ack, mac = 19,
        text = function(octets)
            local r, limit = number(octets, 11, 4), number(octets, 15, 4)
            return string.format("%s rcv %.0f end %.0f", life_text(octets), r, limit)
        end,
        add = function(tree, range)
            tree:add(field.resume_ack_incarnation, range(5, 4))
            tree:add(field.resume_ack_generation, range(9, 2))
            tree:add(field.resume_ack_r, range(11, 4))
            tree:add(field.resume_ack_end, range(15, 4))
        end,
    },
    { least = 14, carried = with_reset, text = abort_text, add = add_abort },
}

--- What is to be known of a Hiatus option before anything of it is shown: its message, text, and whether it counts.
local function judge(option, segment)
    local octets = option.octets
    option.subtype = octets:byte(5) and math.floor(octets:byte(5) / 16)
    option.message = MESSAGES[option.subtype or -1]
    option.least = option.message and option.message.least or HEAD_OCTETS
    local name = SUBTYPE_NAMES[option.subtype or -1]
    if option.kind ~= KIND_HIATUS then
        option.text = string.format("exid %04x len %d", EXID_HIATUS, #octets)
    elseif #octets < option.least then
        local text = "!bad-length kind %d at %d found %d expected %d"
        option.text = string.format(text, option.kind, option.at, #octets, option.least)
    elseif not option.message then
        option.text = string.format("hiatus-%d len %d", option.subtype, #octets)
    else
        option.text = name .. " " .. option.message.text(octets)
        option.readable = true
        option.misplaced = not option.message.carried(segment, octets)
        local version_zero = name == "CAPABLE" and octets:byte(6) < 0x10
        local nonce_zero = name == "RESUME" and number(octets, 11, 4) == 0
        option.counts = not (option.misplaced or version_zero or nonce_zero)
    end
end

----------------------------------------------------------------------------------------------------------- showing

--- Adds the head and what is wrong with it; gives the number of octets shown.
local function add_head(tree, range, option)
    tree:add(field.kind, range(0, 1))
    tree:add(field.length, range(1, 1))
    tree:add(field.exid, range(2, 2))
    if option.kind ~= KIND_HIATUS then
        tree:add_proto_expert_info(finding.kind_254, "Hiatus stands under Kind 253 only; this is another experiment")
        return 4
    elseif not option.subtype then
        return 4
    end
    local subtype = tree:add(field.subtype, range(4, 1))
    if not option.message then
        subtype:add_proto_expert_info(finding.unknown_subtype, "An unknown subtype is ignored (HIA-MUST-5)")
    end
    local flags = tree:add(field.flags, range(4, 1))
    if option.octets:byte(5) % 16 ~= 0 then
        flags:add_proto_expert_info(finding.flags, "A sender sets the four flags to zero (HIA-MUST-1)")
    end
    return HEAD_OCTETS
end

--- Adds the fields of a message that is long enough; gives the number of octets shown.
local function add_body(tree, range, option, segment)
    local message = option.message
    message.add(tree, range, option.octets, segment)
    if message.mac then
        tree:add(field.mac, range(message.mac, MAC_OCTETS))
    end
    if option.misplaced then
        tree:add_proto_expert_info(finding.misplaced,
            SUBTYPE_NAMES[option.subtype] .. " is not for a segment like this one; it is ignored (HIA-MUST-4)")
    end
    local long = option.subtype == 0 and #option.octets >= CAPABLE_LONG_OCTETS
    return long and CAPABLE_LONG_OCTETS or message.least
end

local function add_option(tree, range, option, segment)
    local subtree = tree:add(hiatus, range)
    subtree:set_text("Hiatus: " .. option.text .. (option.ignored and " (ignored)" or ""))
    subtree:add(field.summary, range, option.text):set_generated()
    subtree:add(field.ignored, range, option.ignored):set_generated()
    local shown = add_head(subtree, range, option)
    if option.readable then
        shown = add_body(subtree, range, option, segment)
    elseif option.kind == KIND_HIATUS and #option.octets < option.least then
        subtree:add_proto_expert_info(finding.too_short,
            string.format("Length %d, at least %d; the option is ignored (HIA-MUST-6)", #option.octets, option.least))
    end
    if shown < #option.octets then
        local extra = subtree:add(field.extra, range(shown))
        if option.readable then
            extra:add_proto_expert_info(finding.extra, "Octets past the known fields are ignored (HIA-MUST-7)")
        end
    end
    if option.is_another then
        subtree:add_proto_expert_info(finding.several,
            "A sender puts one Hiatus option on a segment (HIA-MUST-3); the first that counts is acted on")
    end
end

local function add_unread(tree, range, stopped)
    local subtree = tree:add(hiatus, range)
    subtree:set_text(string.format("Hiatus: no option is read from octet %d of the options on", stopped.at))
    subtree:add(field.unread_reason, range, stopped.text):set_generated()
    subtree:add(field.unread, range)
    subtree:add_proto_expert_info(finding.unread,
        string.format("%s: nothing here is read (%s)", stopped.text, stopped.rule))
end

--- Reads the options area of a segment, `range` and its octets `area`, shows what of it is Hiatus, and adds the texts
-- for the Info column to `texts`.
local function dissect_area(tree, range, area, segment, texts)
    local options, stopped = read_options(area)
    local ours = {}
    local count, acted_on = 0, false
    segment.kinds = {}
    for _, option in ipairs(options) do
        segment.kinds[option.kind] = true
        if (option.kind == KIND_HIATUS or option.kind == KIND_OTHER_EXPERIMENT) and has_hiatus_exid(option) then
            ours[#ours + 1] = option
        end
    end
    for _, option in ipairs(ours) do
        judge(option, segment)
        option.ignored = not option.counts or acted_on
        acted_on = acted_on or option.counts
        if option.kind == KIND_HIATUS then
            count = count + 1
            option.is_another = count > 1
        end
        texts[#texts + 1] = option.text .. (option.ignored and " (ignored)" or "")
        add_option(tree, range(option.at, #option.octets), option, segment)
    end
    if stopped and (#ours > 0 or looks_like_hiatus(area, stopped.at)) then
        add_unread(tree, range(stopped.at), stopped)
    end
end

---------------------------------------------------------------------------------------------------------- segments

--- The field info among `infos` that begins at octet `from` to `to` of its packet, or nil.
local function beginning_in(infos, from, to)
    for _, info in ipairs(infos) do
        if info.offset >= from and info.offset <= to then
            return info
        end
    end
end

--- The octets of the options area of the TCP header at `start` in the Tvb `source`, or nil if none are to be read.
--
-- tshark says where it found them; where the capture was cut within them, it says nothing, and what is there counts.
local function options_area(source, start, header_octets, options)
    local from, to = start + TCP_FIXED_OCTETS, start + header_octets
    local available = source:len()
    local was_found = beginning_in(options, from, from) ~= nil
    local was_cut = available > from and available < to and to <= source:reported_len()
    if was_found and to <= available then
        return source:range(from, to - from)
    elseif was_cut then
        return source:range(from, available - from)
    end
end

--- What of the TCP header at `start` in the Tvb `source` the messages depend on.
local function segment_at(source, start)
    local length = beginning_in({ tcp_length() }, start, start + TCP_FIXED_OCTETS)
    return {
        flags = source:range(start + 13, 1):uint(),
        window = source:range(start + 14, 2):uint(),
        -- tshark does not know how much data a segment had that an ICMP error quotes.
        payload = length and length.value or 0,
    }
end

--- Shows the Hiatus options of every TCP header in the packet, those in tunnels and in ICMP errors included.
function hiatus.dissector(_, pinfo, tree)
    local texts, options = {}, nil
    for _, header in ipairs({ tcp_header_length() }) do
        local header_octets, source = header.value, header.source
        if header_octets > TCP_FIXED_OCTETS and source then
            options = options or { tcp_options() }
            -- Data Offset stands in octet 12 of the header.
            local start = header.offset - 12
            local range = options_area(source, start, header_octets, options)
            local area = range and range:raw()
            if area and has_something(area) then
                dissect_area(tree, range, area, segment_at(source, start), texts)
            end
        end
    end
    if #texts > 0 then
        pinfo.cols.info:append(" <" .. table.concat(texts, ", ") .. ">")
    end
end

register_postdissector(hiatus)
