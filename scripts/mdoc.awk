# SPDX-License-Identifier: MIT
# Text as mdoc(7), which man(1) and mandoc(1) show. To be read by awk in the C locale, where a character is a byte.

BEGIN {
    for (i = 1; i < 256; i++) ord[sprintf("%c", i)] = i
}

# Characters that mean something to roff, and those beyond ASCII by their number.
function escape(text,    result, i, c, code, length_left) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    if (text !~ /[\200-\377]/) return text
    result = ""
    length_left = 0
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (ord[c] < 128) {
            result = result c
        } else if (ord[c] >= 192) {
            length_left = ord[c] >= 240 ? 3 : ord[c] >= 224 ? 2 : 1
            code = ord[c] % (64 / 2 ^ length_left)
        } else {
            code = code * 64 + ord[c] % 64
            if (--length_left == 0) result = result sprintf("\\[u%04X]", code)
        }
    }
    return result
}

# A line that begins like a macro is text all the same.
function guarded(line) {
    return line ~ /^[.']/ ? "\\&" line : line
}

# Running text: a new line for each sentence, none longer than 80 columns, and names of functions in bold.
function flow(text,    words, count, i, line, word, result) {
    gsub(/\n/, " ", text)
    count = split(text, words, / +/)
    line = result = ""
    for (i = 1; i <= count; i++) {
        if (words[i] == "") continue
        word = bold(escape(words[i]))
        if (line != "" && length(line) + length(word) + 1 > 76) {
            result = result guarded(line) "\n"
            line = word
        } else {
            line = line == "" ? word : line " " word
        }
        if (word ~ /[.!?][)"]*$/) {
            result = result guarded(line) "\n"
            line = ""
        }
    }
    if (line != "") result = result guarded(line) "\n"
    return result
}

function bold(text,    result) {
    result = ""
    while (match(text, /[*]?[a-z_][a-z0-9_]*\(\)/)) {
        result = result substr(text, 1, RSTART - 1) "\\fB" substr(text, RSTART, RLENGTH - 2) "\\fR()"
        text = substr(text, RSTART + RLENGTH)
    }
    return result text
}

# Lines as they stand.
function literal(text,    lines, count, i, result) {
    sub(/\n+$/, "", text)
    count = split(text, lines, "\n")
    result = ".Bd -literal -offset indent\n"
    for (i = 1; i <= count; i++) result = result guarded(escape(lines[i])) "\n"
    return result ".Ed\n"
}

# A remark as a sentence.
function sentence(text) {
    gsub(/\n/, " ", text)
    sub(/ +$/, "", text)
    return flow(text ~ /[.!?:]$/ ? text : text ".")
}

# Paragraphs, parted by empty lines; lines that are indented stand as they are; "Word   text" is a list of terms, whose
# further lines are indented as far; "- text" is a list of points.
function paragraphs(text,    lines, count, i, line, kind, result, gathered, open) {
    count = split(text, lines, "\n")
    gathered = result = ""
    kind = "text"
    open = 0
    for (i = 1; i <= count + 1; i++) {
        line = i <= count ? lines[i] : ""
        if (kind != "text" && line ~ /^  / && gathered != "" && kind != "code") {
            gathered = gathered " " line
            continue
        }
        if (kind == "code" && (line ~ /^  / || (line == "" && i < count && lines[i + 1] ~ /^  /))) {
            gathered = gathered "\n" line
            continue
        }
        if (kind == "text" && line != "" && line !~ /^  / && line !~ /^- / && line !~ /^[A-Z][A-Za-z]+   +[^ ]/) {
            gathered = gathered " " line
            continue
        }
        # Something else begins: what was gathered is complete.
        if (gathered ~ /[^ ]/) {
            if (kind == "code") result = result literal(undented(gathered))
            else if (kind == "term") result = result term(gathered)
            else if (kind == "point") result = result ".It\n" flow(substr(gathered, 3))
            else result = result ".Pp\n" flow(gathered)
        }
        gathered = line
        if ((kind == "term" || kind == "point") && line != "" && line !~ /^- / && line !~ /^[A-Z][A-Za-z]+   +[^ ]/) {
            result = result ".El\n"
            kind = "text"
        } else if (line == "" && kind != "code") {
            if (kind == "term" || kind == "point") result = result ".El\n"
            kind = "text"
            continue
        }
        if (line ~ /^  /) {
            kind = "code"
        } else if (line ~ /^- /) {
            if (kind != "point") result = result ".Bl -bullet\n"
            kind = "point"
        } else if (line ~ /^[A-Z][A-Za-z]+   +[^ ]/) {
            if (kind != "term") result = result ".Bl -tag -width Ownership\n"
            kind = "term"
        } else {
            kind = "text"
        }
    }
    sub(/^\.Pp\n/, "", result)
    return result
}

function term(text,    name) {
    name = text
    sub(/ .*/, "", name)
    return ".It " name "\n" flow(substr(text, length(name) + 1))
}

function undented(text,    lines, count, i, least, result) {
    sub(/^\n+/, "", text)
    count = split(text, lines, "\n")
    least = 99
    for (i = 1; i <= count; i++) {
        match(lines[i], /^ */)
        if (lines[i] != "" && RLENGTH < least) least = RLENGTH
    }
    result = ""
    for (i = 1; i <= count; i++) result = result (i > 1 ? "\n" : "") substr(lines[i], least + 1)
    return result
}

# The section with an example program, which the tests compile and run; nothing where there is none.
function example(file,    line, text) {
    text = ""
    while ((getline line <file) > 0)
        if (line !~ /SPDX/) text = text line "\n"
    close(file)
    return text == "" ? "" : ".Sh EXAMPLES\n" literal(text)
}
