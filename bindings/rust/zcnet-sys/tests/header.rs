// SPDX-License-Identifier: MIT
//! Proves the declarations against the headers. The Rust source is read and turned into C: a mirror of each struct,
//! an assertion for each constant, and a second declaration of each function. A C compiler that is given the headers
//! too refuses what differs. Names are compared both ways, so nothing can be missing either.

use std::collections::BTreeSet;
use std::mem::{align_of, size_of};
use std::path::{Path, PathBuf};
use std::process::Command;
use zcnet_sys as sys;

const DECLARATIONS: &str = include_str!("../src/declarations.rs");

fn headers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vendor/include")
}

/// The source without comments and line ends: every item in one piece.
fn source() -> String {
    let lines = DECLARATIONS.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.starts_with("#["));
    lines.collect::<Vec<_>>().join(" ")
}

/// `*const *mut zcn_msg` and a name become `zcn_msg *const *name`.
fn c_declarator(rust: &str, name: &str) -> String {
    let rust = rust.trim();
    if let Some(rest) = rust.strip_prefix("*const ") {
        return pointer(rest, name, true);
    }
    if let Some(rest) = rust.strip_prefix("*mut ") {
        return pointer(rest, name, false);
    }
    if let Some((kind, count)) = rust.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')?.split_once(';')) {
        return format!("{} {}[{}]", c_base(kind.trim()), name, count.trim());
    }
    if let Some(callback) = rust.split("fn(").nth(1) {
        let (arguments, result) = signature(callback.strip_suffix('>').expect("a callback ends").trim_end_matches(','));
        return c_declarator(&result, &format!("(*{})({})", name, c_arguments(&arguments)));
    }
    format!("{} {}", c_base(rust), name)
}

fn pointer(pointee: &str, name: &str, constant: bool) -> String {
    let pointee = pointee.trim();
    let qualifier = if constant { "const " } else { "" };
    if pointee.starts_with('*') {
        return c_declarator(pointee, &format!("{}*{}", qualifier, name));
    }
    format!("{}{} *{}", qualifier, c_base(pointee), name)
}

fn c_base(rust: &str) -> &str {
    match rust {
        "c_void" => "void",
        "c_char" => "char",
        "c_int" => "int",
        "usize" => "size_t",
        "u64" => "uint64_t",
        "i64" => "int64_t",
        "u32" => "uint32_t",
        "i32" => "int32_t",
        "iovec" => "struct iovec",
        other if other.starts_with("zcn_") => other,
        other => panic!("no C type is known for {:?}", other),
    }
}

struct Parsed {
    /// Name and fields.
    structs: Vec<(String, Vec<(String, String)>)>,
    /// Name, type and value.
    constants: Vec<(String, String, String)>,
    /// Name, arguments and result.
    functions: Vec<(String, Vec<(String, String)>, String)>,
    callbacks: Vec<(String, Vec<(String, String)>, String)>,
}

/// Splits at commas that are not inside brackets.
fn pieces(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut found) = (0, 0, Vec::new());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b',' if depth == 0 => {
                found.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[from..]);
    found
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let fields = pieces(text).into_iter().map(str::trim).filter(|field| !field.is_empty());
    let split = fields.map(|field| field.split_once(':').unwrap_or_else(|| panic!("not a field: {:?}", field)));
    split
        .map(|(name, kind)| {
            let name = name.trim().trim_start_matches("pub ").trim_start_matches("r#");
            (name.to_owned(), kind.trim().to_owned())
        })
        .collect()
}

fn signature(text: &str) -> (Vec<(String, String)>, String) {
    let (arguments, result) = text.split_once(')').expect("a list of arguments ends");
    let result = result.trim().strip_prefix("->").unwrap_or("c_void").trim();
    (pairs(arguments), result.to_owned())
}

fn parse() -> Parsed {
    let text = source();
    let mut parsed = Parsed { structs: vec![], constants: vec![], functions: vec![], callbacks: vec![] };
    for piece in text.split("pub struct ").skip(1) {
        let (name, rest) = piece.split_once(" {").expect("a struct has a body");
        let body = rest.split('}').next().expect("a struct ends");
        if !body.contains("_opaque") {
            parsed.structs.push((name.to_owned(), pairs(body)));
        }
    }
    for piece in text.split("pub const ").skip(1) {
        let (name, rest) = piece.split_once(": ").expect("a constant has a type");
        let (kind, rest) = rest.split_once(" = ").expect("a constant has a value");
        let value = rest.split(';').next().expect("a constant ends");
        parsed.constants.push((name.to_owned(), kind.to_owned(), value.to_owned()));
    }
    for piece in text.split("pub fn ").skip(1) {
        let (name, rest) = piece.split_once('(').expect("a function has arguments");
        let (arguments, result) = signature(rest.split(';').next().expect("a function ends"));
        parsed.functions.push((name.to_owned(), arguments, result));
    }
    for piece in text.split("pub type ").skip(1).filter(|piece| piece.contains("extern \"C\" fn(")) {
        let name = piece.split_whitespace().next().expect("a type has a name");
        let rest = piece.split("fn(").nth(1).expect("it has arguments").split(">;").next().expect("it ends");
        let (arguments, result) = signature(rest.trim().trim_end_matches(','));
        parsed.callbacks.push((name.to_owned(), arguments, result));
    }
    parsed
}

fn c_arguments(arguments: &[(String, String)]) -> String {
    let list: Vec<_> = arguments.iter().map(|(name, kind)| c_declarator(kind, name)).collect();
    if list.is_empty() {
        "void".to_owned()
    } else {
        list.join(", ")
    }
}

/// The program that compiles only if everything agrees.
fn proof(parsed: &Parsed) -> String {
    let mut c = String::from("#include <zcnet/zcnet.h>\n#include <stddef.h>\n");
    for (name, fields) in &parsed.structs {
        c += &format!("struct mirror_{} {{\n", name);
        for (field, kind) in fields {
            c += &format!("    {};\n", c_declarator(kind, field));
        }
        c += &format!("}};\n_Static_assert(sizeof(struct mirror_{0}) == sizeof({0}), \"size of {0}\");\n", name);
        for (field, _) in fields {
            c += &format!(
                "_Static_assert(offsetof(struct mirror_{0}, {1}) == offsetof({0}, {1}), \"place of {0}.{1}\");\n\
                 _Static_assert(__builtin_types_compatible_p(__typeof__(((struct mirror_{0} *)0)->{1}), \
                 __typeof__((({0} *)0)->{1})), \"type of {0}.{1}\");\n",
                name, field
            );
        }
    }
    for (name, size, align) in sizes() {
        c += &format!(
            "_Static_assert(sizeof({0}) == {1} && _Alignof({0}) == {2}, \"layout of {0}\");\n",
            name, size, align
        );
    }
    for (name, kind, value) in &parsed.constants {
        c += &format!("_Static_assert({0} == ({1}){2}, \"value of {0}\");\n", name, c_base(kind), value);
    }
    for (name, arguments, result) in &parsed.functions {
        // A second declaration of another type is an error.
        c += &format!("{};\n", c_declarator(result, &format!("{}({})", name, c_arguments(arguments))));
    }
    for (name, arguments, result) in &parsed.callbacks {
        let mirror = c_declarator(result, &format!("(*mirror_{})({})", name, c_arguments(arguments)));
        c += &format!(
            "typedef {};\n_Static_assert(__builtin_types_compatible_p(mirror_{1}, {1}), \"type of {1}\");\n",
            mirror, name
        );
    }
    c
}

/// What Rust itself makes of the structs.
fn sizes() -> Vec<(&'static str, usize, usize)> {
    macro_rules! sizes {
        ($($name:ident)*) => { vec![$((stringify!($name), size_of::<sys::$name>(), align_of::<sys::$name>())),*] };
    }
    sizes![zcn_conn_options zcn_dial_options zcn_dialer_stats zcn_error zcn_event zcn_file_options zcn_framing_options
           zcn_listen_options zcn_listener_stats zcn_loop_options zcn_loop_relay_stats zcn_loop_stats
           zcn_pool_options zcn_pool_source zcn_pool_stats
           zcn_receive_file_options zcn_relay_flow zcn_relay_options zcn_relay_stats zcn_stats zcn_stream_options]
}

fn compiles(program: &str) -> Result<(), String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("proof-{:?}.c", std::thread::current().id()));
    std::fs::write(&file, program).expect("the folder for tests is writable");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let output = Command::new(compiler)
        .args(["-std=gnu11", "-Werror", "-fsyntax-only", "-I"])
        .arg(headers())
        .arg(&file)
        .output()
        .expect("a C compiler runs");
    std::fs::remove_file(&file).expect("the program was written");
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn layouts_constants_and_signatures_are_those_of_the_headers() {
    if let Err(said) = compiles(&proof(&parse())) {
        panic!("the declarations differ from the headers; run declare.py. The C compiler says:\n{}", said);
    }
}

/// Words of the headers that `keep` accepts, comments left out.
fn names_in_headers(keep: impl Fn(&str, &str) -> Option<String>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(headers().join("zcnet")).expect("the headers are there") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a header");
        let mut code = String::new();
        let mut rest = text.as_str();
        while let Some((before, comment)) = rest.split_once("/*") {
            code += before;
            rest = comment.split_once("*/").expect("comments end").1;
        }
        code += rest;
        names.extend(code.lines().filter_map(|line| keep(line.trim(), line)));
    }
    names
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[test]
fn nothing_of_the_headers_is_missing() {
    let parsed = parse();
    let functions = names_in_headers(|_, line| {
        let call = line.strip_prefix("ZCN_API ")?.split('(').next()?;
        call.rfind("zcn_").map(|at| word(&call[at..]))
    });
    assert!(functions.len() > 100, "{} functions", functions.len());
    assert_eq!(functions, parsed.functions.iter().map(|f| f.0.clone()).collect(), "functions; run declare.py");

    let structs =
        names_in_headers(|line, _| Some(word(line.strip_prefix("typedef struct ")?)).filter(|_| line.ends_with('{')));
    let declared: BTreeSet<_> = parsed.structs.iter().map(|s| s.0.clone()).collect();
    assert_eq!(structs, declared, "structs; run declare.py");
    let measured: BTreeSet<_> = sizes().iter().map(|s| s.0.to_owned()).collect();
    assert_eq!(declared, measured, "structs whose layout this test asks Rust for: add it to sizes()");

    let constants = names_in_headers(|line, _| {
        if let Some(status) = line.strip_prefix("X(") {
            return Some(word(status));
        }
        let name = word(line);
        (name.starts_with("ZCN_") && line[name.len()..].starts_with(" = ") && name != "ZCN_STATUS_MAX_ENUM")
            .then(|| name)
    });
    let known = parsed.constants.iter().map(|c| c.0.clone()).filter(|name| !name.starts_with("ZCN_VERSION_")).collect();
    assert_eq!(constants, known, "constants; run declare.py");
}

/// The proof has to be able to fail: each kind of difference is seen.
#[test]
fn differences_are_seen() {
    let changes: [fn(&mut Parsed); 6] = [
        |parsed| parsed.structs[0].1.swap(1, 2),
        |parsed| parsed.structs[0].1[2].1 = "i64".to_owned(),
        |parsed| parsed.constants[1].2 = "77".to_owned(),
        |parsed| parsed.functions[1].1[0].1 = "*const zcn_conn".to_owned(),
        |parsed| parsed.functions[0].2 = "u64".to_owned(),
        |parsed| parsed.callbacks[0].1[2].1 = "u32".to_owned(),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut parsed = parse();
        change(&mut parsed);
        assert!(compiles(&proof(&parsed)).is_err(), "change {} was not seen", number);
    }
}

#[test]
fn the_linked_library_is_of_this_version() {
    // SAFETY: it takes nothing and returns a number.
    let running = unsafe { sys::zcn_version() };
    assert_eq!(running / 1000, sys::ZCN_VERSION_NUMBER / 1000);
}
