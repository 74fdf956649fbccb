# SPDX-License-Identifier: MIT
# A page of the site from the HTML that mandoc or cmark-gfm made: what stands around it, links from names of functions to
# their pages, tables that scroll by themselves.
#   awk -v title=… -v up=../ -v names=FILE -v here=PAGE -f docs.awk FRAGMENT
# names has a line "zcn_x page.html#anchor" for each name that has a page.

BEGIN {
    while ((getline line <names) > 0) {
        split(line, parts, " ")
        target[parts[1]] = parts[2]
    }
    close(names)
    gsub(/&/, "\\&amp;", title)
    gsub(/</, "\\&lt;", title)
    print "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"
    print "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    printf "<title>%s</title>\n<link rel=\"icon\" href=\"data:,\">\n", title
    printf "<link rel=\"stylesheet\" href=\"%sstyle.css\">\n</head>\n<body>\n", up
    printf "<nav><a href=\"%sindex.html\"><b>libzcnet</b></a> <a href=\"%sman/zcnet.7.html\">Overview</a> ", up, up
    printf "<a href=\"%sindex.html#manual\">Manual</a> <a href=\"%sindex.html#coming-from\">Coming from</a> ", up, up
    printf "<a href=\"%sdrawings.html\">Drawings</a> <a href=\"%sexamples.html\">Examples</a> ", up, up
    printf "<a href=\"%sCHANGELOG.html\">Changes</a></nav>\n<main>\n", up
}

# A literal block is left as it is, but for names.
{
    # An alias is no page here.
    while (match($0, /href="zcn_[a-z0-9_]+\.3\.html"/)) {
        name = substr($0, RSTART + 6, RLENGTH - 14)
        $0 = substr($0, 1, RSTART - 1) "href=\"" (name in target ? up target[name] : "nowhere/" name) "\"" \
            substr($0, RSTART + RLENGTH)
    }
    gsub(/<table/, "<div class=\"scroll\"><table")
    gsub(/<\/table>/, "</table></div>")
    print /<h[1-6]|<title/ ? anchored($0) : linked($0)
}

END { printf "</main>\n<footer>libzcnet %s. MIT licence.</footer>\n</body>\n</html>\n", version }

# Headings of documents get the names that links use.
function anchored(line,    text, id) {
    if (line !~ /^<h[1-6]>/) return line
    text = line
    gsub(/<[^>]*>/, "", text)
    id = tolower(text)
    gsub(/&[a-z]+;/, "", id)
    gsub(/[^a-z0-9 _-]/, "", id)
    gsub(/ /, "-", id)
    sub(/>/, " id=\"" id "\">", line)
    return line
}

function linked(line,    result, name, rest, before, to) {
    result = ""
    while (match(line, /<(b|code|code class="Fn")>zcn_[a-z0-9_]+(\(\))?<\//)) {
        before = substr(line, 1, RSTART - 1)
        rest = substr(line, RSTART)
        line = substr(line, RSTART + RLENGTH)
        rest = substr(rest, 1, RLENGTH)
        match(rest, /zcn_[a-z0-9_]+/)
        name = substr(rest, RSTART, RLENGTH)
        if (!(name in target)) {
            # Other files of the sources are spoken of by names of their own; a call that does not exist is a mistake.
            if (rest ~ /\(\)/) {
                print here ": there is no " name "()" >"/dev/stderr"
                failed = 1
            }
            result = result before rest
            continue
        }
        to = target[name]
        # Inside a link there is no other.
        if (before ~ /<a [^>]*>$/) result = result before rest
        else {
            sub(/zcn_[a-z0-9_]+(\(\))?/, "<a href=\"" up to "\">&</a>", rest)
            result = result before rest
        }
    }
    return result line
}

END { exit failed }
