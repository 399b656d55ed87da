/// Where an element of a workgroup is, from where its first one would be, and how many are left of its row from there on: none where a list has ended, or the row is in
/// another part of the table.
struct Place {
    i: u32,
    left: u32,
}
