using '../main.bicep'

// What azd up asks for when nothing but the name and the region is given.
param workloadName = 'sample'
param location = 'westeurope'
