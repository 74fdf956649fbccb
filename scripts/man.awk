# SPDX-License-Identifier: MIT
# Manual pages of section 3 from the public headers, so that the two cannot differ: a page for each header, and an alias
# for each function and type of it.
#   LC_ALL=C awk -v out=FOLDER -v examples=FOLDER -v date=… -v version=… -f mdoc.awk -f man.awk HEADER…
# A header is read as it is written here: the first comment is about the noun; "/**" comments stand before what they
# describe; other comments before a struct or an enum are about that.

FNR == 1 {
    end_entry()
    page = FILENAME
    sub(/.*\//, "", page)
    sub(/\.h$/, "", page)
    page = "zcn_" page
    pages[++page_count] = page
    intro_done = 0
    comment = kept = ""
    state = ""
}

# A comment, plain or "/**". Its text is kept without the stars.
state == "" && /^\/\*/ && !/SPDX/ {
    documented = /^\/\*\*/
    text = $0
    sub(/^\/\*+ ?/, "", text)
    comment = ""
    state = "comment"
    if (sub(/ *\*\/.*$/, "", text)) state = "comment ends"
    comment = text
    if (state == "comment") next
}
state == "comment" {
    text = $0
    if (sub(/ *\*\/.*$/, "", text)) state = "comment ends"
    # The star, or as many blanks, and the blank behind it.
    sub(/^ \* ?/, "", text) || sub(/^ \*$/, "", text) || sub(/^   /, "", text)
    comment = comment "\n" text
    if (state == "comment") next
}
state == "comment ends" {
    state = ""
    if (!intro_done) {
        intro_done = 1
        describe_page(page, comment)
    } else if (documented) {
        end_entry()
        entry = comment
        have_entry = 1
    } else {
        kept = comment
    }
    next
}

# What is declared.
state == "" && (/^ZCN_API/ || /^typedef .*\(\*/) {
    declaration = ""
    state = "declaration"
}
state == "declaration" {
    line = $0
    sub(/^ZCN_API /, "", line)
    sub(/^ZCN_NODISCARD /, "", line)
    sub(/^ +/, " ", line)
    declaration = declaration line
    if (/;/) {
        state = ""
        add_declaration(declaration)
    }
    next
}
state == "" && (/^typedef struct [a-z_]+ \{/ || /^enum \{/) {
    block = ""
    state = "block"
    generated = 0
}
state == "block" {
    if (/^#/) generated = 1
    block = block $0 "\n"
    if (!/^}/) next
    state = ""
    # An enum that macros make is shown by what it is made from.
    if (!generated) add_block(block)
    kept = ""
    next
}
state == "" && /^typedef / {
    end_entry()
    if (kept != "") body[page] = body[page] paragraphs(kept)
    kept = ""
    name = $0
    sub(/;.*/, "", name)
    sub(/.* /, "", name)
    # A handle that another header is about is named there.
    if (!(name in owner)) owner[name] = page
    text = body[page]
    if (sub(/\.Ed\n$/, "", text) && last_typedef == FNR - 1)
        body[page] = text guarded(escape($0)) "\n.Ed\n"
    else
        body[page] = body[page] literal($0)
    last_typedef = FNR
    next
}
/^ +X\(ZCN_[A-Z_]+, -?[0-9]+, "/ {
    line = $0
    sub(/^ +X\(/, "", line)
    name = substr(line, 1, index(line, ",") - 1)
    sub(/^[^,]*, */, "", line)
    value = substr(line, 1, index(line, ",") - 1)
    sub(/^[^"]*"/, "", line)
    sub(/"\).*/, "", line)
    meaning[name] = line
    if (kept != "") status_note[page] = ".Pp\n" paragraphs(kept)
    kept = ""
    statuses[page] = statuses[page] ".It Dv " name " Pq " value "\n" flow(line)
    next
}
/^#define ZCN_[A-Z_]+ [^ \\]/ && !/ZCN_(API|NODISCARD|BEGIN_DECLS|END_DECLS)/ {
    macros[page] = macros[page] escape($0) "\n"
}

END {
    end_entry()
    for (i = 1; i <= page_count; i++) {
        # A page has its own name whatever else is called so.
        owner[pages[i]] = pages[i]
    }
    for (i = 1; i <= page_count; i++) write_page(pages[i])
    for (name in owner) if (name != owner[name]) {
        file = out "/" name ".3"
        print ".so man3/" owner[name] ".3" >file
        close(file)
    }
    exit failed
}

function fail(what) {
    print "man.awk: " page ".h: " what >"/dev/stderr"
    failed = 1
}

# The noun's comment: its first sentence, without "Nouns:", is the one line about the page.
function describe_page(page, text,    first, at) {
    first = text
    gsub(/\n/, " ", first)
    sub(/^ +/, "", first)
    if (match(first, /\.( |$)/)) first = substr(first, 1, RSTART - 1)
    at = index(first, ": ")
    if (at > 0) first = substr(first, at + 2)
    if (first ~ /^[A-Z][a-z]/) first = tolower(substr(first, 1, 1)) substr(first, 2)
    about[page] = escape(first)
    description[page] = paragraphs(text)
}

function add_declaration(text,    name, left) {
    left = text
    if (left ~ /^typedef/) {
        sub(/\)\(.*/, "", left)
        sub(/.*\(\*/, "", left)
    } else {
        sub(/\(.*/, "", left)
        functions[page] = functions[page] " " 0
    }
    match(left, /[A-Za-z0-9_]+$/)
    name = substr(left, RSTART)
    if (name == "") fail("unreadable: " text)
    owner[name] = page
    if (!have_entry && entry_names == "") fail(name " has no comment")
    have_entry = 0
    entry_names = entry_names (entry_names == "" ? "" : ", ") name
    entry_code = entry_code (entry_code == "" ? "" : "\n") wrapped(text)
    if (text !~ /^typedef/) {
        synopsis[page] = synopsis[page] prototype(text, name)
        names[page] = names[page] (names[page] == "" ? "" : " ,\n") ".Nm " name
    }
}

# A struct or an enum with the comment before it.
function add_block(text,    name) {
    end_entry()
    name = text
    if (name ~ /^typedef/) {
        sub(/^typedef struct /, "", name)
        sub(/[^a-z0-9_].*/, "", name)
        owner[name] = page
        body[page] = body[page] ".Ss " name "\n"
    }
    if (kept != "") body[page] = body[page] paragraphs(kept)
    body[page] = body[page] literal(text)
    kept = ""
}

# The function or functions of one comment, once the next thing begins.
function end_entry() {
    if (entry_names != "") {
        body[entry_page] = body[entry_page] ".Ss " entry_names "\n" literal(entry_code) documentation(entry)
    } else if (have_entry) {
        fail("a comment that nothing follows: " entry)
    }
    entry = entry_names = entry_code = ""
    have_entry = 0
    entry_page = page
}

# .Ft and .Fo for the synopsis.
function prototype(text, name,    at, left, right, parts, count, i, result) {
    at = index(text, name "(")
    left = substr(text, 1, at - 1)
    right = substr(text, at + length(name) + 1)
    sub(/ +$/, "", left)
    sub(/\) *;.*$/, "", right)
    count = split(right, parts, /, */)
    result = ".Ft " escape(left) "\n.Fo " name "\n"
    for (i = 1; i <= count; i++) result = result ".Fa \"" escape(parts[i]) "\"\n"
    return result ".Fc\n"
}

# A declaration on lines that fit, aligned behind its bracket.
function wrapped(text,    parts, count, i, line, result, indent) {
    sub(/^typedef /, "typedef ", text)
    indent = substr("                                                  ", 1, 4)
    count = split(text, parts, /, /)
    line = parts[1]
    for (i = 2; i <= count; i++) {
        if (length(line) + length(parts[i]) + 2 > 72) {
            result = result line ",\n"
            line = indent parts[i]
        } else {
            line = line ", " parts[i]
        }
    }
    return result line
}

# A documenting comment: its text, then what its @ lines say.
function documentation(text,    lines, count, i, tag, value, result, parameters, rest) {
    count = split(text, lines, "\n")
    value = ""
    tag = "text"
    result = parameters = rest = ""
    for (i = 1; i <= count + 1; i++) {
        if (i <= count && lines[i] !~ /^@/) {
            value = value (value == "" ? "" : "\n") lines[i]
            continue
        }
        if (tag == "text") result = paragraphs(value)
        else if (tag == "param") parameters = parameters parameter(value)
        else if (tag == "return") rest = returned(value) rest
        else rest = rest remark(tag, value)
        if (i > count) break
        value = lines[i]
        match(value, /^@[a-z]+/)
        tag = substr(value, 2, RLENGTH - 1)
        value = substr(value, RLENGTH + 2)
    }
    if (parameters != "") result = result ".Bl -tag -width Ds\n" parameters ".El\n"
    gsub(/\.El\n\.Bl -tag -width 12n -compact\n/, "", rest)
    return result rest
}

function parameter(text,    name) {
    sub(/^ +/, "", text)
    name = text
    sub(/[ \n].*/, "", name)
    text = substr(text, length(name) + 1)
    if (text !~ /[^ \n]/) fail("nothing is said of the parameter " name)
    return ".It Fa " name "\n" flow(text)
}

# @return: statuses are parted by a middle dot. One that nothing is said of means what it always means.
function returned(text,    parts, count, i, tag, result, plain, list) {
    gsub(/\n */, " ", text)
    count = split(text, parts, / *\302\267 */)
    plain = list = ""
    for (i = 1; i <= count; i++) {
        text = parts[i]
        sub(/^ +/, "", text)
        sub(/ +$/, "", text)
        if (!match(text, /^ZCN_[A-Z_]+\*?/)) {
            if (i > 1 && match(text, /^[a-z]+: /)) {
                list = list ".It " substr(text, 1, RLENGTH - 2) "\n" flow(substr(text, RLENGTH + 1))
                continue
            }
            plain = plain ".Pp\n" sentence(i == 1 ? "Returns " text : text)
            continue
        }
        tag = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        while (match(text, /^(,| or| and) ZCN_[A-Z_]+\*?/)) {
            tag = tag substr(text, 1, RLENGTH)
            text = substr(text, RLENGTH + 1)
        }
        sub(/^[:,]? +/, "", text)
        if (text == "" && tag in meaning) text = meaning[tag]
        list = list ".It Dv \"" escape(tag) "\"\n" flow(text == "" ? "see " (tag ~ /\*/ ? "zcn_status(3)" : tag) : text)
    }
    result = plain
    if (list != "") result = result ".Pp\nReturns:\n.Bl -tag -width Ds -compact\n" list ".El\n"
    return result
}

function remark(tag, text,    name) {
    name = toupper(substr(tag, 1, 1)) substr(tag, 2) " :"
    return (tag == "ownership" || tag == "lifetime" || tag == "thread" || tag == "since" ? "" : unknown(tag)) \
        ".Pp\n.Em " name "\n" sentence(text)
}

function unknown(tag) {
    fail("@" tag " has no place in a page")
    return ""
}

# The pages that a page leads to: those of the functions and types that it names.
function see_also(page, text,    found, name, count, i, j, list, swap, result) {
    while (match(text, /zcn_[a-z0-9_]+/)) {
        name = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        if (name in owner && owner[name] != page) found[owner[name]] = 1
    }
    count = 0
    for (name in found) list[++count] = name
    for (i = 2; i <= count; i++)
        for (j = i; j > 1 && list[j] < list[j - 1]; j--) {
            swap = list[j]
            list[j] = list[j - 1]
            list[j - 1] = swap
        }
    result = ".Sh SEE ALSO\n"
    for (i = 1; i <= count; i++) result = result ".Xr " list[i] " 3 ,\n"
    return result ".Xr zcnet 7\n"
}

function write_page(page,    file, title, header) {
    if (about[page] == "") fail("no comment says what " page " is")
    file = out "/" page ".3"
    title = toupper(page)
    header = page
    sub(/^zcn_/, "", header)
    printf ".\\\" SPDX-License-Identifier: MIT\n.\\\" Made from include/zcnet/%s.h.\n", header >file
    printf ".Dd %s\n.Dt %s 3\n.Os\n", date, title >file
    if (index(names[page] " ", ".Nm " page " ") == 0)
        names[page] = ".Nm " page (names[page] == "" ? "" : " ,\n" names[page])
    printf ".Sh NAME\n%s\n.Nd %s\n", names[page], about[page] >file
    printf ".Sh LIBRARY\nlibzcnet (pkg\\-config libzcnet, \\-lzcnet)\n" >file
    printf ".Sh SYNOPSIS\n.In zcnet/%s.h\n%s", header, synopsis[page] >file
    printf ".Sh DESCRIPTION\n%s", description[page] >file
    if (macros[page] != "") printf ".Bd -literal -offset indent\n%s.Ed\n", macros[page] >file
    if (statuses[page] != "") printf "%s.Bl -tag -width Ds\n%s.El\n", status_note[page], statuses[page] >file
    printf "%s", body[page] >file
    printf "%s", example(examples "/" page ".c") >file
    printf "%s", see_also(page, description[page] body[page] synopsis[page]) >file
    close(file)
}
