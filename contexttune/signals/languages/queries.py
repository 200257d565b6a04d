"""Tree-sitter queries for the definitions of each language.

A pattern captures the definition as @class or @function and its name as @name, or as @path if it is an expression such
as `Foo.prototype.bar`. @owner is the type that it belongs to, unless that encloses it. @scope (Rust's `impl`) and
@space (a module inside a file) are not listed, and only qualify the names inside them.
"""

from __future__ import annotations

_FUNCTION = "[(arrow_function) (function_expression) (generator_function)]"
_OBJECT = f"(object [(method_definition) (pair value: {_FUNCTION})])"

_ECMASCRIPT = f"""
(class_declaration name: (_) @name) @class
(variable_declarator name: (identifier) @name value: (class)) @class
(function_declaration name: (_) @name) @function
(generator_function_declaration name: (_) @name) @function
(class_body (method_definition name: (_) @name) @function)
(variable_declarator name: (identifier) @name value: {_FUNCTION}) @function
(assignment_expression left: (identifier) @name right: {_FUNCTION}) @function
(assignment_expression left: (member_expression) @path right: {_FUNCTION}) @function
(variable_declarator name: (identifier) @name value: {_OBJECT}) @class
(assignment_expression left: (member_expression) @path right: {_OBJECT}) @class
(variable_declarator value: (object (method_definition name: (_) @name) @function))
(variable_declarator value: (object (pair key: (_) @name value: {_FUNCTION}) @function))
(assignment_expression right: (object (method_definition name: (_) @name) @function))
(assignment_expression right: (object (pair key: (_) @name value: {_FUNCTION}) @function))
(export_statement value: (object (method_definition name: (_) @name) @function))
(export_statement value: (object (pair key: (_) @name value: {_FUNCTION}) @function))
"""

_JAVASCRIPT = f"""
{_ECMASCRIPT}
(field_definition property: (_) @name value: {_FUNCTION}) @function
"""

_TYPESCRIPT = f"""
{_ECMASCRIPT}
(abstract_class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @class
(enum_declaration name: (_) @name) @class
(type_alias_declaration name: (_) @name) @class
(function_signature name: (_) @name) @function
(method_signature name: (_) @name) @function
(abstract_method_signature name: (_) @name) @function
(public_field_definition name: (_) @name value: {_FUNCTION}) @function
(internal_module name: (_) @name) @space
"""

_RUST = """
(struct_item name: (_) @name) @class
(enum_item name: (_) @name) @class
(union_item name: (_) @name) @class
(trait_item name: (_) @name) @class
(function_item name: (_) @name) @function
(function_signature_item name: (_) @name) @function
(macro_definition name: (_) @name) @function
(impl_item type: (type_identifier) @name) @scope
(impl_item type: (generic_type type: (_) @name)) @scope
(impl_item type: (scoped_type_identifier name: (_) @name)) @scope
(impl_item type: (reference_type type: (type_identifier) @name)) @scope
(mod_item name: (_) @name body: (_)) @space
"""

_GO = """
(type_spec name: (_) @name) @class
(function_declaration name: (_) @name) @function
(method_declaration receiver: (parameter_list (parameter_declaration type: (_) @owner)) name: (_) @name) @function
(method_elem name: (_) @name) @function
"""

_JAVA = """
(class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @class
(enum_declaration name: (_) @name) @class
(record_declaration name: (_) @name) @class
(annotation_type_declaration name: (_) @name) @class
(method_declaration name: (_) @name) @function
(constructor_declaration name: (_) @name) @function
(compact_constructor_declaration name: (_) @name) @function
"""

_RUBY = """
(class name: (_) @path) @class
(module name: (_) @path) @class
(method name: (_) @name) @function
(singleton_method name: (_) @name) @function
"""

_PHP = """
(class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @class
(trait_declaration name: (_) @name) @class
(enum_declaration name: (_) @name) @class
(function_definition name: (_) @name) @function
(method_declaration name: (_) @name) @function
"""

_C_TYPES = ("struct_specifier", "union_specifier", "enum_specifier")


def _c(types: tuple[str, ...], pointers: tuple[str, ...]) -> str:
    """Types with a body, and functions whose return type has up to two stars or ampersands."""
    found = ["(preproc_function_def name: (_) @name) @function"]
    for kind in types:
        found.append(f"({kind} name: (_) @path body: (_)) @class")
        found.append(
            f"(type_definition type: ({kind} !name body: (_)) declarator: (type_identifier) @name) @class"
        )
    declarators = ["(function_declarator declarator: (_) @path)"]
    for pointer in pointers:
        declarators.append(f"({pointer} (function_declarator declarator: (_) @path))")
        declarators.append(f"({pointer} (pointer_declarator (function_declarator declarator: (_) @path)))")
    found += [f"(function_definition declarator: {one}) @function" for one in declarators]
    if "class_specifier" in types:  # members of a class whose bodies are in another file
        found += [f"(field_declaration declarator: {one}) @function" for one in declarators]
        found.append(f"(field_declaration_list (declaration declarator: {declarators[0]}) @function)")
    return "\n".join(found)


QUERIES = {
    "javascript": _JAVASCRIPT,
    "typescript": _TYPESCRIPT,
    "tsx": _TYPESCRIPT,
    "rust": _RUST,
    "go": _GO,
    "java": _JAVA,
    "ruby": _RUBY,
    "php": _PHP,
    "c": _c(_C_TYPES, ("pointer_declarator",)),
    "cpp": _c((*_C_TYPES, "class_specifier"), ("pointer_declarator", "reference_declarator")),
}
"""Language -> query."""
